"""Looks at a container as a client that is not ours sees it: by Azure's protocol itself, as documented.

    azure.py ENDPOINT make CONTAINER             makes it
    azure.py ENDPOINT keys CONTAINER             prints the name of each blob
    azure.py ENDPOINT get CONTAINER DIRECTORY    copies all blobs into a directory, under their names
    azure.py ENDPOINT put CONTAINER KEY FILE     makes a blob of a file
    azure.py ENDPOINT remove CONTAINER KEY       removes a blob
    azure.py ENDPOINT sas CONTAINER              prints a shared access signature of the container
"""

import base64
import hashlib
import hmac
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from email.utils import formatdate
from pathlib import Path

# What all emulators have.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def ask(method: str, url: str, query: dict[str, str], body: bytes = b"", **headers: str) -> bytes:
    """Signs a request (Shared Key), sends it, and returns what is answered."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    path = urllib.parse.urlsplit(url).path
    lines = [method, "", "", str(len(body) or ""), "", "", "", "", "", "", "", ""]
    lines += [f"{name}:{value}" for name, value in sorted(headers.items())]
    lines += ["/" + ACCOUNT + path] + [f"{name}:{value}" for name, value in sorted(query.items())]
    signed = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}"
    # The library would add a type that is not signed.
    headers |= {"Content-Type": ""} if body else {}
    if query:
        url += "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(url, body or None, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return answer.read()


def shared_access_signature(container: str) -> str:
    """Of the service, for all that there is to do in a container."""
    rights, end, version = "racwdl", "2099-01-01T00:00:00Z", "2022-11-02"
    lines = [rights, "", end, f"/blob/{ACCOUNT}/{container}", "", "", "", version, "c"] + [""] * 7
    signed = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
    signature = base64.b64encode(signed).decode()
    return urllib.parse.urlencode(
        {"sv": version, "sr": "c", "sp": rights, "se": end, "sig": signature}
    )


def names(container: str) -> list[str]:
    found, marker = [], ""
    while True:
        query = {"restype": "container", "comp": "list"} | ({"marker": marker} if marker else {})
        page = ElementTree.fromstring(ask("GET", container, query).decode("utf-8-sig"))
        found += [name.text for name in page.iterfind("Blobs/Blob/Name")]
        marker = page.findtext("NextMarker")
        if not marker:
            return found


def main() -> None:
    endpoint, verb, container, *rest = sys.argv[1:]
    container = f"{endpoint}/{container}"

    def blob(name: str) -> str:
        return f"{container}/{urllib.parse.quote(name)}"

    if verb == "make":
        ask("PUT", container, {"restype": "container"})
    elif verb == "keys":
        print("".join(f"{name}\n" for name in names(container)), end="")
    elif verb == "get":
        for name in names(container):
            file = Path(rest[0]) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(ask("GET", blob(name), {}))
    elif verb == "put":
        ask("PUT", blob(rest[0]), {}, Path(rest[1]).read_bytes(), x_ms_blob_type="BlockBlob")
    elif verb == "remove":
        ask("DELETE", blob(rest[0]), {})
    elif verb == "sas":
        print(shared_access_signature(sys.argv[3]))
    else:
        sys.exit("usage: azure.py ENDPOINT make|keys|get|put|remove|sas CONTAINER [DIRECTORY|KEY [FILE]]")


if __name__ == "__main__":
    main()
