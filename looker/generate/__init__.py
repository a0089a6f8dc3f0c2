"""Looker: what its users see of the marts, generated from the marts' own YAML.

`marts.py` reads dbt's manifest, `views.py` and `model.py` say it in LookML's words,
`files.py` writes the folder `looker/`.
"""
