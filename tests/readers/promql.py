"""Prints what the expressions of a Grafana dashboard and of Prometheus' alert rules select.

    promql.py FILE...

Each FILE is a dashboard (.json) or a file of rules (.yaml). One JSON object a line for each selector of each
expression: `file`, `where` (a panel's or an alert's name), `metric`, and `labels`, which are those that it matches
by, that an aggregation around it keeps or drops, and those that a legend or an annotation names; `equal` has those that it matches by a value. An expression that
is no PromQL, or a file without any, is an error.
"""

import json
import re
import sys
from pathlib import Path

import promql_parser
import yaml

# What Grafana puts in the place of its variables.
VARIABLES = [("$__rate_interval", "5m"), ("$__interval", "1m"), ("$__range", "1h")]


def dashboard(text: str):
    found = json.loads(text)
    for variable in found["templating"]["list"]:
        if match := re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", "")):
            yield f"variable {variable['name']}", match[1], {match[2]}
    for panel in found["panels"]:
        for target in panel.get("targets", []):
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            yield panel["title"], target["expr"], legend


def rules(text: str):
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            told = " ".join(rule["annotations"].values())
            yield rule["alert"], rule["expr"], set(re.findall(r"\$labels\.(\w+)", told))


def selectors(expression, labels: set[str]):
    """Each vector selector below `expression`, with the labels that stand around it."""
    if isinstance(expression, promql_parser.VectorSelector):
        matchers = expression.matchers.matchers
        equal = {it.name: it.value for it in matchers if it.op == promql_parser.MatchOp.Equal}
        yield expression.name, labels | {matcher.name for matcher in matchers}, equal
    elif isinstance(expression, promql_parser.AggregateExpr):
        modifier = expression.modifier
        yield from selectors(expression.expr, labels | set(modifier.labels if modifier else []))
    elif isinstance(expression, promql_parser.BinaryExpr):
        # `and` takes its labels from its left side.
        right = set() if str(expression.op) == "and" else labels
        yield from selectors(expression.lhs, labels)
        yield from selectors(expression.rhs, right)
    elif isinstance(expression, promql_parser.Call):
        for argument in expression.args:
            yield from selectors(argument, labels)
    elif isinstance(expression, promql_parser.MatrixSelector):
        yield from selectors(expression.vector_selector, labels)
    elif isinstance(expression, promql_parser.ParenExpr):
        yield from selectors(expression.expr, labels)
    elif not isinstance(expression, promql_parser.NumberLiteral):
        sys.exit(f"promql.py knows nothing of {expression!r}")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: promql.py FILE...")
    for name in sys.argv[1:]:
        path, count = Path(name), 0
        read = dashboard if path.suffix == ".json" else rules
        for where, text, labels in read(path.read_text(encoding="utf-8")):
            for variable, value in VARIABLES:
                text = text.replace(variable, value)
            for metric, wanted, equal in selectors(promql_parser.parse(text), labels):
                count += 1
                found = {"metric": metric, "labels": sorted(wanted), "equal": equal}
                print(json.dumps({"file": path.name, "where": where, **found}))
        if count == 0:
            sys.exit(f"{name} has no expression")


main()
