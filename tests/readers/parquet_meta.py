"""Prints how a Parquet file is laid out, as one JSON object.

    parquet_meta.py FILE

`rows`, `created_by`, `key_values` (the file's own, without Arrow's copy of the schema), `row_groups` in
order ({rows, bytes}: uncompressed), and `columns`, the leaves in order: {path, physical_type, logical_type,
nullable, codecs}. `logical_type` is null without one; `codecs` are those of its chunks, each named once;
`nullable` says whether the leaf or anything around it may be null or empty.
"""

import json
import sys

import pyarrow.parquet as pq


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: parquet_meta.py FILE")
    file = pq.ParquetFile(sys.argv[1])
    metadata = file.metadata
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    key_values = {
        key.decode(): value.decode()
        for key, value in (metadata.metadata or {}).items()
        if key != b"ARROW:schema"
    }
    columns = []
    for index in range(metadata.num_columns):
        column = metadata.schema.column(index)
        logical = str(column.logical_type)
        columns.append(
            {
                "path": column.path,
                "physical_type": column.physical_type,
                "logical_type": None if logical == "None" else logical,
                "nullable": column.max_definition_level > 0,
                "codecs": sorted({group.column(index).compression for group in groups}),
            }
        )
    sys.stdout.reconfigure(encoding="utf-8")
    print(
        json.dumps(
            {
                "rows": metadata.num_rows,
                "created_by": metadata.created_by,
                "key_values": key_values,
                "row_groups": [
                    {"rows": group.num_rows, "bytes": group.total_byte_size} for group in groups
                ],
                "columns": columns,
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
