"""Decodes what servers send: gzip by zlib, br and zstd by the libraries that uringd itself is built with."""
import ctypes
import ctypes.util
import zlib

from load.servers import Failed, Missing

LIBRARIES = {"br": ("brotlidec", "libbrotlidec.so.1", "libbrotli1"), "zstd": ("zstd", "libzstd.so.1", "libzstd1")}
MOST = 1 << 24  # bytes of a decoded body


def library(coding):
    name, file, package = LIBRARIES[coding]
    try:
        return ctypes.CDLL(ctypes.util.find_library(name) or file)
    except OSError:
        raise Missing(f"nothing to decode {coding} with (Debian package {package})") from None


def check(coding):
    """Raises Missing where answers in that coding could not be checked."""
    if coding in LIBRARIES:
        library(coding)


def decoded(coding, body):
    if coding == "gzip":
        try:
            return zlib.decompress(body, 16 + zlib.MAX_WBITS)
        except zlib.error as error:
            raise Failed(f"a body of {len(body)} bytes is no gzip: {error}") from None
    out = ctypes.create_string_buffer(MOST)
    size = ctypes.c_size_t(MOST)
    if coding == "br":
        right = library(coding).BrotliDecoderDecompress(ctypes.c_size_t(len(body)), body, ctypes.byref(size), out) == 1
        length = size.value
    else:
        decompress = library(coding).ZSTD_decompress
        decompress.restype = ctypes.c_size_t
        length = decompress(out, size, body, ctypes.c_size_t(len(body)))
        right = length <= MOST
    if not right:
        raise Failed(f"a body of {len(body)} bytes is no {coding}")
    return out.raw[:length]
