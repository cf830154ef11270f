"""The form is the settings' JSON schema."""

from __future__ import annotations

import pytest

from policysearch.service.pages.form import COMMON, GROUPS, fields_of
from policysearch.service.pages.new import KINDS, new_page
from policysearch.service.pages.shell import Shell
from policysearch.service.requests import schema
from tests.support.service_pages import HOSTILE, must_be_sound

SCHEMAS = {kind: schema(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_schema_is_on_the_page_once(kind):
    page = must_be_sound(new_page(Shell("", "anna", "new"), kind, SCHEMAS[kind], {}))
    names = [
        attributes["name"] for tag, attributes in page.tags if attributes.get("name") and "data-type" in attributes
    ]
    assert sorted(names) == sorted(field.path for field in fields_of(SCHEMAS[kind]))
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", KINDS)
def test_common_fields_come_first_and_are_in_the_schema(kind):
    page = must_be_sound(new_page(Shell("", "anna", "new"), kind, SCHEMAS[kind], {}))
    names = [attributes["name"] for _, attributes in page.tags if "data-type" in attributes]
    assert tuple(names[: len(COMMON[kind])]) == COMMON[kind]


def test_groups_name_fields_of_some_schema():
    paths = {field.path.partition(".")[0] for kind in KINDS for field in fields_of(SCHEMAS[kind])}
    assert {name for names in GROUPS.values() for name in names} <= paths


def test_bounds_defaults_and_choices_are_the_schema_s():
    fields = {field.path: field for field in fields_of(SCHEMAS["search"])}
    assert (fields["trials"].kind, fields["trials"].default, fields["trials"].low) == ("integer", "80", 1)
    assert fields["split_seed"].high == 2**63 - 1
    assert fields["aspect"].choices == ("crop", "pad", "stretch", "line")
    assert "ucb" in fields["strategy"].examples
    assert fields["recipe.rate"].kind == "number" and fields["skip_damaged"].kind == "boolean"
    assert fields["labels"].kind == "list" and fields["confirm_images"].default == ""


def test_the_form_says_what_goes_with_a_strategy():
    fields = {field.path: field for field in fields_of(SCHEMAS["search"])}
    assert "additive and by-factor are for the space recipe" in fields["strategy"].help
    assert "where arms are listed, 40" in fields["trials"].help


def test_a_required_field_is_marked():
    page = must_be_sound(new_page(Shell("", "anna", "new"), "evaluate", SCHEMAS["evaluate"], {}))
    policy = next(attributes for _, attributes in page.tags if attributes.get("name") == "policy")
    assert "required" in policy


def test_values_from_the_address_are_text():
    page = must_be_sound(new_page(Shell("", "anna", "new"), "search", SCHEMAS["search"], {"data": f'"{HOSTILE}'}))
    data = next(attributes for _, attributes in page.tags if attributes.get("name") == "data")
    assert (data["value"] or "").startswith('"</script>')
    assert page.values("img", "src") == []


def test_it_says_what_needs_script():
    page = must_be_sound(new_page(Shell("", "anna", "new"), "search", SCHEMAS["search"], {}))
    assert any("needs JavaScript" in text for text in page.text)
