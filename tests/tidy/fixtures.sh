# shellcheck shell=sh
# One fixture a rule, read by run: a clean tree, a violation, and the finding that must come. Beside each stands what is
# close to it and allowed, so that a rule which finds too much is seen too.

tree
expect 'a clean tree has no finding'

tree
add src/http/up.cpp '// A file.\n#include "uringd/cache/cache.hpp"\n'
expect 'http may not include cache, which lies above it' 'src/http/up.cpp:2: [room]'

tree
add include/uringd/cache/key.hpp \
  '// A file.\n#pragma once\n#include "uringd/http/target.hpp"\n#include "uringd/uring/ring.hpp"\n'
expect 'a doorway obeys the map too: cache may include http, not uring' 'include/uringd/cache/key.hpp:4: [room]'

tree
add src/base/fd.cpp '// A file.\n#include "uringd/base/fd.hpp"\n#include "uringd/log/logger.hpp"\n'
expect 'base includes nothing but base' 'src/base/fd.cpp:3: [room]'

tree
add src/log/logger.cpp '// A file.\n#include "uringd/stats/counters.hpp"\n'
expect 'siblings do not meet: log may not include stats' 'src/log/logger.cpp:2: [room]'

tree
add src/site/router.cpp '// A file.\n#include "uringd/config/config.hpp"\n#include "uringd/disk/disk.hpp"\n'
expect 'site opens nothing: it may include config, not disk' 'src/site/router.cpp:3: [room]'

tree
add src/disk/disk.cpp '// A file.\n#include "uringd/uring/ring.hpp"\n#include "uringd/server/worker.hpp"\n'
expect 'disk does not know the server' 'src/disk/disk.cpp:3: [room]'

tree
add src/server/worker.cpp '// A file.\n#include "uringd/disk/disk.hpp"\n#include "uringd/admin/health.hpp"\n'
expect 'server does not know admin' 'src/server/worker.cpp:3: [room]'

tree
add src/admin/health.cpp '// A file.\n#include "uringd/server/handler.hpp"\n#include "uringd/disk/disk.hpp"\n'
expect 'admin does not reach into disk' 'src/admin/health.cpp:3: [room]'

tree
add src/daemon/daemon.cpp '// A file.\n#include "uringd/admin/health.hpp"\n#include "uringd/uring/ring.hpp"\n'
add src/main.cpp '// A file.\n#include "uringd/daemon/options.hpp"\n'
expect 'daemon and main may include everything'

tree
add src/http/odd.cpp '// A file.\n#include "uringd/nowhere/x.hpp"\n'
expect 'an include of a room that does not exist' 'src/http/odd.cpp:2: [room]'

tree
add src/attic/x.cpp '// A file.\n'
expect 'a directory of src that is no room' 'src/attic/x.cpp:1: [room]'

tree
add src/http/around.cpp '// A file.\n#include "../cache/lru.hpp"\n'
expect 'a relative include around the map' 'src/http/around.cpp:2: [room]'

tree
add src/disk/a.cpp '// A file.\n#include <liburing.h>\n'
add src/uring/b.cpp '// A file.\n#include <liburing.h>\n'
expect 'liburing is seen only in uring' 'src/disk/a.cpp:2: [library]'

tree
add src/server/a.cpp '// A file.\n#include <llhttp.h>\n'
add src/http/b.cpp '// A file.\n#include <llhttp.h>\n'
expect 'llhttp is seen only in http' 'src/server/a.cpp:2: [library]'

tree
add src/site/a.cpp '// A file.\n#include <toml++/toml.h>\n'
add src/config/b.cpp '// A file.\n#include <toml++/toml.h>\n'
expect 'toml++ is seen only in config' 'src/site/a.cpp:2: [library]'

tree
add src/server/a.cpp '// A file.\n#include <libdeflate.h>\n#include <brotli/encode.h>\n#include <zstd.h>\n'
add src/cache/b.cpp '// A file.\n#include <libdeflate.h>\n#include <brotli/encode.h>\n#include <zstd.h>\n'
expect 'the compressors are seen only in cache' \
  'src/server/a.cpp:2: [library]' 'src/server/a.cpp:3: [library]' 'src/server/a.cpp:4: [library]'

tree
add src/http/a.cpp '// A file.\n#include <re2/re2.h>\n#include <re2/set.h>\n#include <cdb.h>\n#include <cdbx.h>\n'
add src/site/b.cpp '// A file.\n#include <re2/re2.h>\n#include <re2/set.h>\n#include <cdb.h>\n'
expect 'RE2 and tinycdb are seen only in site' \
  'src/http/a.cpp:2: [library]' 'src/http/a.cpp:3: [library]' 'src/http/a.cpp:4: [library]'

tree
add src/http/bare.cpp '#include <vector>\n'
expect 'a file without its comment' 'src/http/bare.cpp:1: [file-comment]'

tree
add src/http/empty.cpp ''
expect 'an empty file has no comment either' 'src/http/empty.cpp:1: [file-comment]'

tree
add src/http/open.hpp '// A file.\nint x;\n'
expect 'a header without pragma once' 'src/http/open.hpp:1: [pragma-once]'

tree
add src/http/wide.cpp "// $(repeat x 118)\n"
expect 'a line of 121 columns' 'src/http/wide.cpp:1: [line-length]'

tree
for script in image/run image/static_test image/tree debian/test debian/roots readme/bare; do
  add "packaging/$script" "#$(repeat '-' 120)\n"
done
expect 'one in a script of packaging' 'packaging/debian/roots:1: [line-length]' \
  'packaging/debian/test:1: [line-length]' \
  'packaging/image/run:1: [line-length]' 'packaging/image/static_test:1: [line-length]' \
  'packaging/image/tree:1: [line-length]' 'packaging/readme/bare:1: [line-length]'

tree
add src/http/wide.cpp "// $(repeat x 117)\n// $(repeat '\303\251' 117)\n"
add www/page.html "$(repeat x 300)\n"
expect '120 columns are allowed, counted in characters; pages may be wider'

tree
add src/http/tab.cpp '// A file.\nint\tx;\n'
expect 'a tab' 'src/http/tab.cpp:2: [tab]'

tree
add README.md 'Two spaces  \nand none\n'
expect 'space at the end of a line' 'README.md:1: [trailing-space]'

tree
add src/http/long.cpp "$(repeat '//\040x\n' 401)"
expect 'a file of 401 lines' 'src/http/long.cpp:401: [file-length]'

tree
add src/http/long.cpp "$(repeat '//\040x\n' 401)"
add tests/tidy/long_files '# comment\nsrc/http/long.cpp a table\n'
expect 'a long file with a reason is allowed'

tree
add tests/tidy/long_files 'src/http/clean.cpp a table\nsrc/http/none.cpp\n'
expect 'an exception that has no reason, or no file that needs it' 'tests/tidy/long_files: [file-length]' \
  'tests/tidy/long_files: [file-length]' 'tests/tidy/long_files: [file-length]'

tree
add src/http/later.cpp "// A file.\n// $(printf '%s%s' TO DO): the rest\nauto a = \"$(printf '%s%s' XX XX)\";\n"
expect 'an unfinished word' 'src/http/later.cpp:2: [unfinished]'

tree
home=$(printf '/%s/' home)
add src/http/place.cpp "// A file.\nauto a = \"${home}someone/x\";\nauto b = \"www${home}x\";\n"
expect 'an absolute path of one machine, not one that merely contains the name' 'src/http/place.cpp:2: [machine-path]'

tree
add tests/x/meson.build "# $(printf '%s.debian.org' deb)\n"
expect "a mirror's name" 'tests/x/meson.build:1: [mirror]'

tree
add notes.txt 'x\n'
expect 'a stranger at the top level' 'notes.txt:1: [top-level]'

tree
add build/src/x.cpp 'int x;\n'
add build-asan/x.cpp 'int x;\n'
add subprojects/fmt-10.1.1/src/x.cpp 'int x;\n'
add subprojects/packagecache/x.wrap '\t\n'
expect 'build directories and downloaded subprojects are not judged'

tree
add subprojects/packagefiles/llhttp/meson.build 'x\t\n'
expect 'our own build files for subprojects are judged' 'subprojects/packagefiles/llhttp/meson.build:1: [tab]' \
  'subprojects/packagefiles/llhttp/meson.build:1: [trailing-space]'
