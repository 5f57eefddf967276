"""Prints what two readers that are not ours say of the column chunks of a Parquet file, as one JSON object.

    parquet_chunks.py FILE [COLUMN VALUE]

`sorting` holds for each row group its sorting columns by path, with ` desc` behind those that fall, as pyarrow
sees them. `chunks` are the chunks of the first row group by path: {codec, codec_pyarrow, bytes, statistics,
page_index, bloom}: `codec` and `bloom` (its bytes, null without one) are DuckDB's word, the others
pyarrow's. With COLUMN and VALUE, `excludes` says for each row group whether DuckDB finds by the bloom filter that the value is not in it.
"""

import json
import sys

import duckdb
import pyarrow.parquet as pq


def main() -> None:
    if len(sys.argv) not in (2, 4):
        sys.exit("usage: parquet_chunks.py FILE [COLUMN VALUE]")
    path = sys.argv[1]
    metadata = pq.ParquetFile(path).metadata
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    leaves = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
    sorting = [
        [leaves[by.column_index] + (" desc" if by.descending else "") for by in group.sorting_columns]
        for group in groups
    ]
    if any(by.nulls_first for group in groups for by in group.sorting_columns):
        sys.exit("nulls come first")
    seen = duckdb.execute(
        "select compression, bloom_filter_length from parquet_metadata(?) where row_group_id = 0"
        " order by column_id",
        [path],
    ).fetchall()
    chunks = {}
    for index, (codec, bloom) in enumerate(seen):
        chunk = groups[0].column(index)
        chunks[leaves[index]] = {
            "codec": codec,
            "codec_pyarrow": chunk.compression,
            "bytes": chunk.total_compressed_size,
            "statistics": chunk.is_stats_set,
            "page_index": chunk.has_column_index and chunk.has_offset_index,
            "bloom": bloom,
        }
    found = {"sorting": sorting, "chunks": chunks}
    if len(sys.argv) == 4:
        probed = duckdb.execute(
            "select bloom_filter_excludes from parquet_bloom_probe(?, ?, ?) order by row_group_id",
            [path, sys.argv[2], sys.argv[3]],
        ).fetchall()
        found["excludes"] = [excludes for (excludes,) in probed]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
