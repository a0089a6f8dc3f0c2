"""Descriptions of the page layout and the compact layout of an object."""

from typing import Any

from tests.emulators.salesforce.objects.schema import Field, SObject


def page_layouts(sobject: SObject) -> dict[str, Any]:
    """Return one page layout with a row for each field."""
    section = {
        "columns": 1,
        "heading": "Information",
        "layoutRows": [
            {"layoutItems": [_layout_item(field)], "numItems": 1}
            for field in sobject.fields
        ],
        "rows": len(sobject.fields),
        "useCollapsibleSection": False,
        "useHeading": True,
    }
    return {
        "layouts": [
            {
                "buttonLayoutSection": None,
                "detailLayoutSections": [section],
                "editLayoutSections": [section],
                "id": None,
                "relatedLists": [],
            }
        ],
        "recordTypeMappings": [],
        "recordTypeSelectorRequired": [False],
    }


def _layout_item(field: Field) -> dict[str, Any]:
    return {
        "editableForNew": field.createable,
        "editableForUpdate": field.updateable,
        "label": field.label,
        "layoutComponents": [
            {"displayLines": 1, "tabOrder": 1, "type": "Field", "value": field.name}
        ],
        "placeholder": False,
        "required": field.required,
    }


def compact_layouts(sobject: SObject) -> dict[str, Any]:
    """Return the system's compact layout, which has the record's name."""
    names = [field for field in sobject.fields if field.name_field]
    return {
        "compactLayouts": [
            {
                "actions": [],
                "fieldItems": [_layout_item(field) for field in names],
                "id": None,
                "imageItems": [],
                "label": "System Default",
                "name": "SYSTEM",
                "objectType": sobject.name,
            }
        ],
        "defaultCompactLayoutId": None,
        "recordTypeCompactLayoutMappings": [],
    }
