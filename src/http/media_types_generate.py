#!/usr/bin/env python3
"""Writes media_type_table.inc from the db.json of mime-db (an npm package of that name; MIT).

    media_types_generate.py DB_JSON VERSION > media_type_table.inc

One row per file extension, sorted, with its complete Content-Type and how dense its bytes are. Where several
media types claim an extension, PREFERRED decides, then the registry: IANA first. A tie is an error: decide it here.
"""
import json
import sys

RANK = {"iana": 0, None: 1, "nginx": 2, "apache": 3}

# What browsers and other servers agree on where the registry does not decide, or decides against them.
PREFERRED = {
    "3gpp": "video/3gpp", "ac": "application/pkix-attr-cert", "asc": "application/pgp-signature",
    "bdoc": "application/bdoc", "cjs": "text/javascript", "js": "text/javascript", "mjs": "text/javascript",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4", "mpg4": "video/mp4", "mpp": "application/vnd.ms-project", "mts": "video/mp2t",
    "org": "text/x-org", "pcx": "image/x-pcx", "rtf": "application/rtf", "sub": "text/vnd.dvb.subtitle",
    "wav": "audio/wav", "wmz": "application/x-ms-wmz",
    # application/xml, not text/xml: a file says its encoding itself, and text would promise UTF-8 for it.
    "xml": "application/xml", "xsl": "application/xslt+xml",
}

HEADER = """\
// Generated from mime-db {version} by media_types_generate.py; edit that, not this. {count} extensions, sorted.
// {{extension, Content-Type, density}}
//
// mime-db: Copyright (c) 2014 Jonathan Ong <me@jongleberry.com>
//          Copyright (c) 2015-2022 Douglas Christopher Wilson <doug@somethingdoug.com>
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
// documentation files (the 'Software'), to deal in the Software without restriction, including without limitation the
// rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
// permit persons to whom the Software is furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
// Software.
//
// THE SOFTWARE IS PROVIDED 'AS IS', WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
// WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
// COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
// OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def claims(db):
    """Extension -> list of (rank, media type)."""
    found = {}
    for media_type, entry in db.items():
        for extension in entry.get("extensions", []):
            found.setdefault(extension, []).append((RANK[entry.get("source")], media_type))
    return found


def choose(extension, candidates):
    if extension in PREFERRED:
        return PREFERRED[extension]
    best = min(candidates)
    if sum(rank == best[0] for rank, _ in candidates) > 1:
        sys.exit(f"{extension}: {candidates}: add it to PREFERRED")
    return best[1]


def content_type(media_type):
    return media_type + "; charset=utf-8" if media_type.startswith("text/") else media_type


LOOSE = {
    "image": ("bmp", "x-ms-bmp", "x-icon", "vnd.microsoft.icon", "tiff"),
    "audio": ("wav", "x-wav", "midi", "x-midi", "aiff", "x-aiff"),
    "video": (),
}
ARCHIVES = ("zip", "gzip", "x-gzip", "zstd", "brotli", "x-xz", "x-bzip2", "x-7z-compressed", "vnd.rar",
            "x-rar-compressed", "java-archive")


def density(media_type):
    """As density_of() in media_type.cpp; a test holds the two together."""
    kind, _, subtype = media_type.partition("/")
    if kind == "text" or subtype in ("wasm", "xml") or subtype.endswith("+xml"):
        return "plain"
    if "json" in subtype or "javascript" in subtype:
        return "plain"
    if kind in LOOSE:
        dense = subtype not in LOOSE[kind]
    elif kind == "font":
        dense = subtype in ("woff", "woff2")
    else:
        dense = subtype in ARCHIVES or subtype.endswith("+zip") or subtype.startswith("vnd.openxmlformats")
    return "dense" if dense else "other"


def main():
    path, version = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        found = claims(json.load(file))
    print(HEADER.format(version=version, count=len(found)), end="")
    for extension, candidates in sorted(found.items()):
        media_type = choose(extension, candidates)
        print(f'{{"{extension}", "{content_type(media_type)}", {density(media_type)}}},')


main()
