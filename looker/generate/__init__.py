"""Generate LookML for the marts from their dbt YAML.

`marts.py` reads dbt's manifest, `views.py` and `model.py` build the LookML, and
`files.py` writes it to the folder `looker/`.
"""
