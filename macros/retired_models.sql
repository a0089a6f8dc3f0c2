{% macro drop_retired_models() %}
    {#- Each drop is committed by itself. Without `cascade` nothing else is dropped. -#}
    {%- set relations = retired_relations() -%}
    {%- for relation in relations -%}
        {%- do run_and_commit('drop ' ~ relation.type ~ ' ' ~ relation) -%}
        {%- do log('Dropped ' ~ relation.type ~ ' ' ~ relation, info=true) -%}
    {%- else -%}
        {%- do log('No relation of a retired model exists.', info=true) -%}
    {%- endfor -%}
{% endmacro %}


{% macro retired_relations() %}
    {#-
        Children before their parents: a model is built after the models that it reads,
        and its relation is dropped before theirs.
    -#}
    {%- set found = [] -%}
    {%- set database = target.database -%}
    {%- set ledger = adapter.get_relation(
        database, generate_schema_name('ops', none), 'model_runs'
    ) -%}
    {%- if ledger -%}
        {%- set current_names = [] -%}
        {%- set current_relations = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type in ('model', 'seed')
        -%}
            {%- do current_names.append(node.name) -%}
            {%- do current_relations.append((node.schema, node.alias)) -%}
        {%- endfor -%}
        {%- for table in graph.sources.values() -%}
            {%- do current_relations.append((table.schema, table.identifier)) -%}
        {%- endfor -%}
        {%- set built_models = run_query(
            "select model, max(finished_at) as built_at from " ~ ledger
            ~ " where status = 'success' group by 1 order by 2 desc, 1"
        ).columns[0].values() -%}
        {%- for model in built_models if model not in current_names -%}
            {%- for name in ('staging', 'intermediate', 'marts') -%}
                {%- set schema = generate_schema_name(name, none) -%}
                {%- set relation = adapter.get_relation(database, schema, model) -%}
                {%- if relation and relation.type in ('table', 'view')
                    and (schema, model) not in current_relations
                -%}
                    {%- do found.append(relation) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}


{% macro drop_developer_schemas() %}
    {#- Drop the schemas with the target's prefix, with everything in them. -#}
    {%- if target.name in ('local', 'prod') -%}
        {%- do exceptions.raise_compiler_error(
            'Target ' ~ target.name ~ ' has no schemas of a developer. Choose another '
            ~ 'one with --target or DBT_TARGET.'
        ) -%}
    {%- endif -%}
    {%- for name in ('staging', 'intermediate', 'marts', 'ops') -%}
        {%- set schema = generate_schema_name(name, none) -%}
        {%- do run_and_commit('drop schema if exists ' ~ schema ~ ' cascade') -%}
        {%- do log('Dropped schema ' ~ schema, info=true) -%}
    {%- endfor -%}
{% endmacro %}
