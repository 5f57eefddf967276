"""Looks at a bucket as a client that is not ours sees it.

    s3.py ENDPOINT make BUCKET             makes it
    s3.py ENDPOINT keys BUCKET             prints the key of each object
    s3.py ENDPOINT get BUCKET DIRECTORY    copies all objects into a directory, under their names
    s3.py ENDPOINT put BUCKET KEY FILE     makes an object of a file
    s3.py ENDPOINT remove BUCKET KEY       removes an object
    s3.py ENDPOINT uploads BUCKET          prints the key of each upload in parts that has not ended
"""

import sys
from pathlib import Path

import boto3


def main() -> None:
    endpoint, verb, bucket, *rest = sys.argv[1:]
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    if verb == "make":
        s3.create_bucket(Bucket=bucket)
    elif verb == "keys":
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                print(item["Key"])
    elif verb == "get":
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                file = Path(rest[0]) / item["Key"]
                file.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(bucket, item["Key"], str(file))
    elif verb == "put":
        s3.upload_file(rest[1], bucket, rest[0])
    elif verb == "remove":
        s3.delete_object(Bucket=bucket, Key=rest[0])
    elif verb == "uploads":
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            print(upload["Key"])
    else:
        sys.exit("usage: s3.py ENDPOINT make|get|put|remove|uploads BUCKET [DIRECTORY|KEY [FILE]]")


if __name__ == "__main__":
    main()
