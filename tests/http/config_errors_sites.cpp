// Broken configurations of [[site]], its header rules and rewrites, and one with problems in every section. Data; see
// config_errors.hpp.
#include "config_errors.hpp"

namespace uringd::testing {

const std::vector<Broken>& broken_sites() {
  static const std::vector<Broken> all = {
      {.name = "a site that is one table",
       .text = R"([site]
root = "www"
)",
       .says = {"1:2: site: found a table; expected an array of tables: [[site]]"}},
      {.name = "an unknown key of a site",
       .text = R"([[site]]
root = "www"
autoindex = true
)",
       .says = {"3:1: site.autoindex: unknown key"}},
      {.name = "a misspelled key of a site",
       .text = R"([[site]]
root = "www"
fallbak = "/index.html"
)",
       .says = {"3:1: site.fallbak: unknown key; did you mean fallback?"}},
      {.name = "a root that is not there",
       .text = R"([[site]]
root = "wwww"
)",
       .says = {R"(2:1: site.root: found "@/wwww": No such file or directory; expected a directory)"},
       .starts = true},
      {.name = "a root that is a file",
       .text = R"([[site]]
root = "plain"
)",
       .says = {R"(2:1: site.root: found "@/plain": is no directory; expected a directory)"}},
      {.name = "a root without a name",
       .text = R"([[site]]
root = ""
)",
       .says = {R"(2:8: site.root: found ""; expected a path)"}},
      {.name = "a host with its port",
       .text = R"([[site]]
hosts = ["example.org:8080"]
)",
       .says = {R"(2:10: site.hosts: found "example.org:8080"; expected a host name without port, such as )"
                R"("example.com", or "*")"}},
      {.name = "a site without hosts",
       .text = "[[site]]\nhosts = []\n",
       .says = {"2:9: site.hosts: found an empty array; expected at least one host"}},
      {.name = "a host beyond ASCII",
       .text = R"([[site]]
hosts = ["münchen.example"]
)",
       .says = {R"(2:10: site.hosts: found "münchen.example"; expected a host name without port, such as )"
                R"("example.com", or "*"; names beyond ASCII in their xn-- form)"}},
      {.name = "one host in two sites",
       .text = R"([[site]]
hosts = ["a.example"]
[[site]]
hosts = ["b.example", "a.example"]
)",
       .says = {R"(4:1: site.hosts: "a.example" is taken by the site at @/config.toml:2:1; expected each host )"
                "once"}},
      {.name = "two sites for every host",
       .text = "[[site]]\n[[site]]\n",
       .says = {R"(2:1: site.hosts: "*" (the default) is taken by the site at @/config.toml:1:1; expected each )"
                "host once"}},
      {.name = "a mount without its slash",
       .text = R"([[site]]
mounts = { uploads = "logs" }
)",
       .says = {R"(2:12: site.mounts: found "uploads"; expected a path such as "/uploads", without empty, "." )"
                R"(and ".." parts; did you mean "/uploads"?)"}},
      {.name = "a mount of a directory that is not there",
       .text = R"([[site]]
mounts = { "/uploads" = "nowhere" }
)",
       .says = {R"(2:1: site.mounts: found "/uploads" = "@/nowhere": No such file or directory; expected a )"
                "directory"},
       .starts = true},
      {.name = "one mount twice",
       .text = R"([[site]]
mounts = { "/up" = "logs", "/up/" = "logs" }
)",
       .says = {R"(2:28: site.mounts: found "/up/" twice; expected each prefix once; a slash at its end does not )"
                "count"}},
      {.name = "an index with a slash",
       .text = R"([[site]]
index = ["index.html", "a/index.html"]
)",
       .says = {R"(2:24: site.index: found "a/index.html"; expected a file name without slashes)"}},
      {.name = "an extension with a slash",
       .text = R"([[site]]
extensions = ["html", "/htm"]
)",
       .says = {R"(2:23: site.extensions: found "/htm"; expected an extension without slashes, such as "html")"}},
      {.name = "a listing in a format",
       .text = R"([[site]]
listing = "json"
)",
       .says = {R"(2:11: site.listing: found "json"; expected true or false)"}},
      {.name = "a fallback without its slash",
       .text = R"([[site]]
fallback = "index.html"
)",
       .says = {R"(2:12: site.fallback: found "index.html"; expected a file's path below root, such as )"
                R"("/index.html", or ""; did you mean "/index.html"?)"}},
      {.name = "an error page for a success",
       .text = R"([[site]]
error_pages = { 200 = "/ok.html" }
)",
       .says = {R"(2:17: site.error_pages: found "200"; expected a status from 400 to 599, "4xx" or "5xx")"}},
      {.name = "an error page outside root",
       .text = R"([[site]]
error_pages = { 404 = "/../404.html" }
)",
       .says = {R"(2:23: site.error_pages: found "/../404.html"; expected a file's path below root, such as )"
                R"("/404.html")"}},
      {.name = "a coding by its tool's name",
       .text = R"([[site]]
precompressed = ["brotli"]
)",
       .says = {R"(2:18: site.precompressed: found "brotli"; expected "gzip", "zstd" or "br"; did you mean "br"?)"}},
      {.name = "one coding twice",
       .text = R"([[site]]
compress = ["gzip", "gzip"]
)",
       .says = {R"(2:21: site.compress: found "gzip" twice; expected each coding once)"}},
      {.name = "a switch for a word",
       .text = "[[site]]\nsymlinks = true\n",
       .says = {R"(2:12: site.symlinks: found true; expected "inside" or "never")"}},
      {.name = "a year of the tree before",
       .text = R"([[site]]
keep_previous = "1y"
)",
       .says = {R"(2:17: site.keep_previous: found "1y"; expected a duration from "0s" to "8760h"; units: ms, s, )"
                "m, h"}},
      {.name = "a Cache-Control by extension",
       .text = R"([[site]]
cache_control = { ".css" = "no-cache" }
)",
       .says = {R"(2:19: site.cache_control: found ".css"; expected a media type such as "text/css", "text/*", )"
                R"(or "*"; [types] gives extensions their media type)"}},
      {.name = "a Cache-Control that is a number",
       .text = "[[site]]\ncache_control = 3600\n",
       .says = {R"(2:17: site.cache_control: found 3600; expected a table { "media/type" = "value" } or a string)"}},
      {.name = "a header rule for nothing",
       .text = R"([[site]]
[[site.headers]]
set = { X-A = "1" }
)",
       .says = {R"(2:1: site.headers: found a block without match; expected match = "/assets/**", or "/**" for )"
                "all"}},
      {.name = "a header rule that does nothing",
       .text = R"([[site]]
[[site.headers]]
match = "/**"
)",
       .says = {R"(2:1: site.headers: found a block that changes no field; expected set = { Name = "value" } or )"
                R"(remove = ["Name"])"}},
      {.name = "a field that is not the configuration's",
       .text = R"([[site]]
[[site.headers]]
match = "/**"
set = { Content-Length = "5" }
)",
       .says = {R"(4:9: site.headers: found "Content-Length" in set; expected another field: it must agree with )"
                "the bytes that are sent"}},
      {.name = "a field that ends its line",
       .text = R"([[site]]
[[site.headers]]
match = "/**"
set = { X-A = "1\r\nX-B: 2" }
)",
       .says = {R"(4:15: site.headers: found "X-A" = "1\u000D\u000AX-B: 2"; expected one line without control )"
                "characters"},
       .starts = true},
      {.name = "a field with its colon",
       .text = R"([[site]]
[[site.headers]]
match = "/**"
set = { "X-A: 1" = "" }
)",
       .says = {R"(4:9: site.headers: found "X-A: 1" in set; expected a field name of letters, digits and "-", )"
                R"(such as "Referrer-Policy"; did you mean "X-A"?)"}},
      {.name = "one field removed twice",
       .text = R"([[site]]
[[site.headers]]
match = "/**"
remove = ["Server", "server"]
)",
       .says = {R"(4:21: site.headers: found "server" twice in remove; expected each field once)"}},
      {.name = "an unknown key of a header rule",
       .text = R"([[site]]
[[site.headers]]
match = "/**"
add = { X-A = "1" }
)",
       .says = {R"(4:1: site.headers: "add": unknown key; expected match, remove or set)"}},
      {.name = "a rewrite without a pattern in it",
       .text = R"([[site]]
[[site.rewrites]]
match = ""
to = "/a"
)",
       .says = {R"(3:9: site.rewrites: found match = ""; expected a pattern such as "^/old/(.*)$")"}},
      {.name = "a condition without its name",
       .text = R"([[site]]
[[site.rewrites]]
match = "^/a$"
to = "/b"
when = "^www"
)",
       .says = {R"(5:8: site.rewrites: found when = "^www"; expected a table { host = "…" })"}},
      {.name = "one field twice in a condition",
       .text = R"([[site]]
[[site.rewrites]]
match = "^/a$"
to = "/b"
when = { header = { Accept = "a", accept = "b" } }
)",
       .says = {R"(5:35: site.rewrites: found "accept" twice in when.header; expected each field once; case does )"
                "not count in field names"}},
      {.name = "several problems over all sections",
       .text = R"([server]
listen = [":http", "unix:"]
user = "-root"
[limits]
idle_timeout = 60
[disk]
zero_copy = true
[cache]
size = "lots"
[log]
acess = "stdout"
[admin]
overlay_size = "-1"
[types]
".a" = 1
[maps.m]
kind = "rnd"
[[site]]
root = "nowhere"
hosts = ["a b"]
[[site.headers]]
match = "assets/**"
set = { Vary = "x", Date = "y" }
)",
       .says = {R"(2:11: server.listen: found ":http"; expected a port from 1 to 65535 after the last colon)",
                R"(2:20: server.listen: found "unix:"; no path after unix:; expected an address such as )"
                R"("unix:/run/uringd.sock")",
                R"(3:8: server.user: found "-root"; expected a user such as "www-data", "33" or "www-data:adm", )"
                R"(or "")",
                R"(5:16: limits.idle_timeout: found 60; expected a duration from "10ms" to "24h"; units: ms, s, )"
                "m, h",
                R"(7:13: disk.zero_copy: found true; expected "safe", "always" or "never")",
                R"(9:8: cache.size: found "lots"; expected "auto" or a size from "1MiB" to "1TiB"; units: KB, )"
                "MB, GB, KiB, MiB, GiB",
                "11:1: log.acess: unknown key; did you mean access?",
                R"(13:16: admin.overlay_size: found "-1"; expected a size from 0 to "1TiB"; units: KB, MB, GB, )"
                "KiB, MiB, GiB",
                R"(15:8: types: found ".a" = 1; expected a string)",
                R"(16:7: maps.m: found a table without file; expected file = "maps/m.txt")",
                R"(19:1: site.root: found "@/nowhere": No such file or directory; expected a directory)",
                R"(20:10: site.hosts: found "a b"; expected a host name without port, such as "example.com", or )"
                R"("*")",
                R"(22:9: site.headers: found match = "assets/**"; expected a pattern that begins with "/", such )"
                R"(as "/assets/**"; did you mean "/assets/**"?)",
                R"(23:21: site.headers: found "Date" in set; expected another field: it is the moment of the )"
                "answer"},
       .starts = true},
  };
  return all;
}

}  // namespace uringd::testing
