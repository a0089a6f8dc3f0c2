"""`nightshift compare`: what a change does to the rows of models."""

from typing import Annotated

import typer

from loaders.config import settings
from loaders.errors import ConfigError
from orchestrate.cli.options import AsJson
from orchestrate.dbt import compared_models, manifest
from reports.comparison import compare as comparison
from reports.comparison import rendering
from reports.console import console, print_json

DEFAULT_AGAINST = "prod"


def compare(
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model to compare (repeatable). Default: all built marts."),
    ] = None,
    against: Annotated[
        str, typer.Option(help="Target of the dbt profile, or a DuckDB file.")
    ] = DEFAULT_AGAINST,
    show_personal: Annotated[
        bool, typer.Option("--show-personal", help="Show values of personal columns.")
    ] = False,
    as_html: Annotated[
        bool, typer.Option("--html", help="Write a page, and print its path.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown for a pull request.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare models of the current target with those of another one.

    Counts the rows that were added, removed and changed, by column, in the warehouse.
    Rows are paired by the key that the model's test declares. Floating-point numbers
    are equal within 1e-9 of their size. Differences are no error: the exit code is 0,
    and --json has `has_changes`.
    """
    if as_html + as_markdown + as_json > 1:
        raise ConfigError("Give only one of --html, --markdown and --json.")
    settings.load()
    models = compared_models.find(
        manifest.read(), model or [], show_personal=show_personal
    )
    result = comparison.compare(models, against=against, is_chosen=bool(model))
    if as_json:
        print_json(rendering.as_dict(result))
    elif as_html:
        console.print(str(rendering.write_page(result)))
    elif as_markdown:
        console.print(rendering.markdown(result))
    else:
        rendering.print_result(result)
