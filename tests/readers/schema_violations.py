"""Prints what is wrong with documents by a JSON Schema: nothing, if they are all valid.

    schema_violations.py SCHEMA DOCUMENTS

DOCUMENTS has one JSON value a line; there must be at least one. A violation is one line: the number of
the document, where in it, and what is wrong. Formats are checked. The schema itself has to be valid too.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: schema_violations.py SCHEMA DOCUMENTS")
    schema = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    # Not splitlines(): it also splits at characters that JSON allows within a text.
    documents = Path(sys.argv[2]).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    sys.stdout.reconfigure(encoding="utf-8")
    for number, document in enumerate(documents, start=1):
        for error in validator.iter_errors(json.loads(document)):
            what = error.message.replace("\n", " ")
            print(f"{number}: {error.json_path}: {what}")


if __name__ == "__main__":
    main()
