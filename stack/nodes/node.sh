#!/bin/sh
# What a node is from its first moment on: `unshare` gave this process namespaces of its own for
# the network, mounts, processes and the host name. All of them end with it, so a node that dies
# leaves neither a mount nor an interface behind.
#
# FOLDER  upper/ work/ root/ of its file system, data/ of the engine
# TREE    Debian with the engine, shared by all nodes and never written
set -eu
folder=$1 tree=$2 name=$3 address=$4 cgroup=$5

echo ready
# The starter moves an interface into the namespace meanwhile. Without one there is no node.
read -r _ || exit 1
exec </dev/null >>"$folder/log" 2>&1

hostname "$name"
ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up
# No default route: the engine asks for no password, and only this machine can get an answer.

mount --make-rprivate /
# A file system of its own and not only a folder: `docker load` remounts "/".
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
# As with a local engine, tasks can be given files of a test.
mount --bind /tmp tmp
mkdir -p var/lib/docker
mount --bind "$folder/data" var/lib/docker
mkdir -p mnt/host
pivot_root . mnt/host
# tini collects the children of dead containers' shims; the node ends with its engine.
exec chroot . sh -c 'umount -l /mnt/host && exec tini -- dockerd --tls=false \
  -H unix:///var/run/docker.sock -H "tcp://$1:2375" --cgroup-parent "$2"' sh "$address" "$cgroup"
