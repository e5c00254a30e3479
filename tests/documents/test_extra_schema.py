"""The schema of a plugin's own fields: what it may say, and that none takes for ever."""

from __future__ import annotations

import jsonschema
import pytest

from tinyai_registry.documents.extra_schema import MAX_VIOLATIONS, extra_violations

WEIRD = {
    "no schema": ({"type": "nonsense"}, {}, "the schema itself: "),
    "no definitions": ({"$defs": [1]}, {}, "the schema itself: "),
    "no pattern": ({"pattern": "("}, "x", "the pattern ( is none"),
    "a reference to elsewhere": ({"$ref": "https://example.org/x.json"}, {}, "it refers to https://example.org/x.json"),
    "a reference to itself": ({"$ref": "#"}, {}, "it refers to #, and may only to #/$defs/NAME"),
    "a definition that refers to itself": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}},
        [[]],
        "it refers to itself, by #/$defs/a",
    ),
    "a reference to nothing": ({"$ref": "#/$defs/a"}, {}, "it refers to #/$defs/a"),
    "a dollar in a class": ({"pattern": "^[$]$"}, "$\n", "is not of the form ^[$]$"),
    "an escaped dollar": ({"pattern": r"^\$$"}, "$\n", "is not of the form"),
    "a long text": ({"pattern": "^a*$"}, "a" * 257, "is not of the form"),
    "half a character": ({"pattern": "^a*$"}, "\ud800", "is not of the form"),
}


@pytest.mark.parametrize(("schema", "extra", "told"), WEIRD.values(), ids=WEIRD)
def test_a_schema_is_used_with_care(schema, extra, told):
    [violation] = extra_violations(schema, extra)
    assert violation.pointer == ""
    assert told in violation.message


@pytest.mark.parametrize("pattern", ["^[$]$", r"^\$$", "^(a|[$])+$", "^[^x]{1,200}$"])
def test_a_pattern_that_means_no_harm_is_taken(pattern):
    assert list(extra_violations({"pattern": pattern}, "$")) == []


ALL = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.org/x",
    "title": "x",
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"$ref": "#/$defs/size"},
        "b": {"type": "array", "prefixItems": [{"const": 1}], "items": {"enum": [1, 2]}, "contains": {"minimum": 2}},
        "c": {"anyOf": [{"type": "null"}, {"pattern": "^(hdr|sdr)$"}], "default": None},
        "type": {"description": "A field that is called as a keyword is."},
    },
    "propertyNames": {"maxLength": 8},
    "additionalProperties": {"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"not": {"type": "null"}}},
    "dependentSchemas": {"a": {"oneOf": [{"minProperties": 1}, {"maxProperties": 0}]}},
    "$defs": {"size": {"type": "integer", "multipleOf": 2}},
}


def test_every_keyword_of_the_grammar_means_what_json_schema_says():
    good = {"a": 2, "b": [1, 2], "c": "hdr", "d": "x", "type": 1}
    assert list(extra_violations(ALL, good)) == []
    jsonschema.Draft202012Validator(ALL).validate(good)
    for change, where in (({"a": 3}, "/a"), ({"b": [1, 1]}, "/b"), ({"c": "hdr\n"}, "/c"), ({"d": ""}, "/d")):
        assert [each.pointer for each in extra_violations(ALL, {**good, **change})] == [where]


@pytest.mark.parametrize(
    "keyword",
    ["$anchor", "$dynamicRef", "$dynamicAnchor", "patternProperties", "unevaluatedItems", "uniqueItems", "colour"],
)
def test_a_keyword_that_is_not_of_the_grammar_is_refused_by_name(keyword):
    for schema in ({keyword: {}}, {"properties": {"a": {keyword: {}}}}, {"$defs": {"a": {"not": {keyword: {}}}}}):
        [violation] = extra_violations(schema, {})
        assert f"it says {keyword}, " in violation.message


@pytest.mark.parametrize("keyword", ["$schema", "$id", "$defs"])
def test_what_changes_the_rules_stands_at_the_top_alone(keyword):
    [violation] = extra_violations({"properties": {"a": {keyword: {}}}}, {})
    assert f"it says {keyword}, " in violation.message


A = "a" * 200
FOR_EVER = {
    "alternatives that overlap": ({"pattern": "^" + "(a|aa)" * 40 + "b$"}, A),
    "empty alternatives": ({"pattern": "^" + "(|a)" * 60 + "b$"}, A),
    "nested repetitions": ({"pattern": "^(a+)+$"}, A + "!"),
    "many repetitions": ({"pattern": "^a*a*a*a*a*a*a*a*b$"}, A),
    "optional letters": ({"pattern": "^" + "a?" * 100 + "a" * 101 + "$"}, "a" * 99),
    "counted repetitions": ({"pattern": "^((a{99}){99}){99}$"}, A),
    "look-ahead": ({"pattern": "^(?=(a+)+$)"}, A + "!"),
    "a back-reference": ({"pattern": r"^(a*)*\1$"}, A + "!"),
    "many patterns": ({"allOf": [{"pattern": f"^[^x]{{0,150}}{n}"} for n in range(1000)]}, A),
    "names of fields": ({"propertyNames": {"pattern": "^(a|a)*$"}}, {A + "!": 1}),
    "another dialect below": (
        {"items": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "^(a+)+$"}},
        [A],
    ),
    "unique items": ({"uniqueItems": True}, [{"a": [number]} for number in range(20_000)]),
    "a big enumeration": ({"items": {"enum": list(range(5000))}}, [0.5] * 5000),
    "a big constant": ({"items": {"const": list(range(5000))}}, [list(range(5000))] * 50),
    "long texts to compare": ({"allOf": [{"const": A * 50}] * 99}, [A * 50] * 99),
    "many errors": ({"allOf": [{"items": {"type": "null"}}] * 300}, list(range(300))),
    "errors that nobody sees": ({"anyOf": [{"items": {"allOf": [False] * 999}}, True]}, list(range(999))),
    "definitions that double": (
        {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}, "$ref": "#/$defs/d0"},
        {},
    ),
    "anchors that double": (
        {
            "$defs": {f"d{n}": {"$anchor": f"d{n}", "allOf": [{"$ref": f"#d{n + 1}"}] * 2} for n in range(40)},
            "$ref": "#d0",
        },
        {},
    ),
    "addresses that double": (
        {
            "$id": "https://x.example/s",
            "$defs": {f"d{n}": {"allOf": [{"$ref": f"https://x.example/s#/$defs/d{n + 1}"}] * 2} for n in range(40)},
            "$ref": "https://x.example/s#/$defs/d0",
        },
        {},
    ),
    "pointers that double": (
        {
            "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}/allOf/0"}] * 2} for n in range(40)},
            "$ref": "#/$defs/d0",
        },
        {},
    ),
    "a deep chain": (
        {"$defs": {f"d{n}": {"not": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(3000)}, "$ref": "#/$defs/d0"},
        {},
    ),
}


@pytest.mark.parametrize(("schema", "extra"), FOR_EVER.values(), ids=FOR_EVER)
def test_a_schema_that_means_to_take_for_ever_is_answered(schema, extra):
    found = list(extra_violations(schema, extra))
    assert 1 <= len(found) <= MAX_VIOLATIONS
    assert all(len(each.message) < 1000 for each in found)
