#!/bin/sh
# The image of deploy/Dockerfile without a container engine and without a registry of images: buildah (or podman's
# own) puts it together from scratch, from a program that was built on this machine and three packages of the
# distribution. Needs Debian or Ubuntu, buildah, apt-get and dpkg-deb; root, or `buildah unshare`.
#
#   deploy/release.sh && deploy/image.sh target/release/stepdown stepdown:0.1.0
#
# The program must have been built on the release of the distribution whose packages are taken. Like the other
# image it holds no shell and no package manager, runs as 65532 and writes to /var/lib/stepdown only. With
# `oci-archive:FILE` as its name it becomes a file that any engine loads.
set -eu

program=${1:?the program, say target/release/stepdown}
name=${2:?the name of the image, say stepdown:0.1.0}

work=$(mktemp -d)
container=$(buildah from scratch)
trap 'buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT
root=$(buildah mount "$container")

# The C library that the program is linked to, the unwinder, and the authorities that servers are believed by.
mkdir "$work/debs"
(cd "$work/debs" && apt-get -o APT::Sandbox::User=root download -qq libc6 libgcc-s1 ca-certificates)
for deb in "$work"/debs/*.deb; do
    dpkg-deb --extract "$deb" "$work/packages"
done
# What the program opens, and the loader; /lib is where Debian's own root has it, a link into /usr.
mkdir -p "$root/usr/bin" "$root/usr/local/bin" "$root/etc/ssl/certs" "$root/tmp" "$root/var/lib"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
for part in lib lib64 usr/lib usr/lib64; do
    if [ -d "$work/packages/$part" ]; then
        mkdir -p "$root/usr/${part#usr/}"
        cp -a "$work/packages/$part/." "$root/usr/${part#usr/}/"
    fi
done
rm -rf "$root"/usr/lib/*/gconv "$root"/usr/lib/*/audit "$root"/usr/lib/locale
find "$work/packages/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$root/etc/ssl/certs/ca-certificates.crt"
for package in libc6 libgcc-s1 ca-certificates; do
    install -D -m 644 "$work/packages/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright" 2>/dev/null || true
done
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
install -d -o 65532 -g 65532 -m 700 "$root/var/lib/stepdown"
install -m 755 "$program" "$root/usr/local/bin/stepdown"
rmdir "$root/usr/bin"

buildah umount "$container" >/dev/null
buildah config --user 65532:65532 --port 8080 --port 9464 --volume /var/lib/stepdown \
    --entrypoint '["/usr/local/bin/stepdown"]' --cmd 'serve --config /etc/stepdown/settings.toml' \
    --label org.opencontainers.image.title=stepdown --label org.opencontainers.image.licenses=Apache-2.0 "$container"
buildah commit --quiet "$container" "$name"
