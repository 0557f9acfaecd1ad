#!/usr/bin/env bash
# Creates .python-VERSION-musl: a Python that uses the C library musl, for trying the wheels of musllinux.
#   tools/musl_python.sh 3.11
# No registry has such a Python, so it is compiled from Debian's sources with the zig of .venv-release. It needs minutes. Its `ssl`, without which
# tornado cannot be imported, uses the OpenSSL for musl that the wheel of psycopg2 contains.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
folder=$PWD/.python-$version-musl
new=$folder.new
[ ! -x "$folder/root/usr/local/bin/python$version" ] || exit 0

zig=$PWD/.venv-release/bin/python-zig
build_python=$(tools/find_python.sh "$version")
# Debian's headers of OpenSSL declare compression, which the wheel's OpenSSL has none of.
export CC="$new/cc" AR="$zig ar" RANLIB="$zig ranlib" CFLAGS="-O1 -fPIC -Wno-date-time -DOPENSSL_NO_COMP"
# The machine's own reads binaries for musl, too; Python's configure only accepts it by its path.
READELF=$(command -v readelf)
export READELF
jobs=-j$(nproc)
rm -rf "$folder" "$new"
tools/debian_root.sh sid "$new" musl
root=$new/root
libraries=$root/usr/lib/x86_64-linux-musl
mkdir -p "$new/sources" "$new/deps/lib"
# Python's setup.py asks for the folders of headers, and zig would name this machine's, which are for another C library.
cat >"$CC" <<END
#!/bin/sh
[ "\$*" != "-E -v -" ] || exit 1
exec "$zig" cc -target x86_64-linux-musl -dynamic "\$@"
END
chmod +x "$CC"
tools/debian_root.sh bookworm/source "$new/sources" "python$version" zlib libffi
tools/debian_root.sh bookworm "$new/openssl" libssl-dev
"$build_python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --platform musllinux_1_2_x86_64 \
    --python-version "$version" --dest "$new/wheels" psycopg2-binary
"$build_python" -m zipfile -e "$new/wheels/"*.whl "$new/wheels"
mkdir -p "$new/deps/ssl/"{lib,include}
cp -r "$new/openssl/root/usr/include/openssl" "$new/openssl/root/usr/include/x86_64-linux-gnu/openssl" "$new/deps/ssl/include/"
cp "$new/wheels/psycopg2_binary.libs/"*.so* "$libraries/"
for library in ssl crypto; do
    ln -s "$libraries/lib$library-"*.so.3 "$new/deps/ssl/lib/lib$library.so"
done

for library in zlib libffi; do
    mkdir "$new/$library"
    tar -xf "$new/sources/${library}_"*.orig.tar.* -C "$new/$library" --strip-components=1
done
(cd "$new/zlib" && CHOST=x86_64-linux-musl ./configure --static --prefix="$new/deps" && make "$jobs" install)
(cd "$new/libffi" && ./configure --host=x86_64-linux-musl --disable-shared --disable-docs --disable-exec-static-tramp --with-pic --prefix="$new/deps" && make "$jobs" install)

mkdir "$new/python"
tar -xf "$new/sources/python${version}_"*.orig.tar.* -C "$new/python" --strip-components=1
cd "$new/python"
export CPPFLAGS="-I$new/deps/include" LDFLAGS="-L$new/deps/lib" PKG_CONFIG_LIBDIR=$new/deps/lib/pkgconfig
# Whether modules are called `linux-musl.so` depends on the machine that builds; by its vendor it still is another one.
./configure --host=x86_64-pc-linux-musl --build=x86_64-unknown-linux-musl --with-build-python="$build_python" --prefix=/usr/local \
    --with-openssl="$new/deps/ssl" --disable-test-modules --with-ensurepip=no \
    ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_buggy_getaddrinfo=no
make "$jobs"
make DESTDIR="$root" install
cp -r Lib/ensurepip "$root/usr/local/lib/python$version/"
cd ../..
mv "$new/root" "$new.root"
rm -rf "$new"
mkdir "$folder"
mv "$new.root" "$folder/root"
