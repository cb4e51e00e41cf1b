"""What `docs/export.md` says of exporters is what they take; its configuration of a collector holds together."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import yaml

from hogtrace.exporters import OTLPExporter, PostHogExporter
from tests.docs.pages import ROOT, blocks, table_rows

PAGE = ROOT / "docs" / "export.md"


@pytest.mark.parametrize(("heading", "exporter"), [("OpenTelemetry", OTLPExporter), ("PostHog", PostHogExporter)])
def test_every_option_is_told(heading: str, exporter: Any) -> None:
    """The table under the exporter's heading has all of its options, in order."""
    told = [row[0].strip("`") for row in table_rows(PAGE, heading)]
    assert told == list(inspect.signature(exporter).parameters)


def test_defaults_are_as_told() -> None:
    """The column of PostHog's defaults is what it has."""
    parameters = inspect.signature(PostHogExporter).parameters
    for name, default, _ in table_rows(PAGE, "PostHog"):
        known = parameters[name.strip("`")].default
        assert default.strip("`") == ("" if known is inspect.Parameter.empty else repr(known).replace("'", '"'))


def test_the_collector_s_pipelines_name_what_there_is() -> None:
    """It is YAML; its pipelines use each receiver, processor and exporter that it has, and no others."""
    (block,) = [block for block in blocks(PAGE) if block.language == "yaml"]
    config = yaml.safe_load(block.text)
    pipelines = config["service"]["pipelines"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(config[kind]) == {name for pipeline in pipelines.values() for name in pipeline[kind]}
    assert {"kafka", "clickhouse", "otlp_http/loki"} == set(pipelines["logs"]["exporters"])
