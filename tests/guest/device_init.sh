#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The init of a guest that stands for somebody's device: it starts the agent as an ordinary process, as root and as a
# user, and does to it what happens on devices. Records go to the second line, each trial's after `== NAME`;
# what else there is to say follows on it as `-- NAME: TEXT`. RECIPES has a file of each trial's words.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /data
chmod 777 /data
stty raw -echo </dev/ttyS0
exec >/dev/ttyS0
mkdir -p /etc /data/local/tmp /data/nativetest64/binderThroughputTest
echo "shell:x:2000:2000::/:/bin/sh" >/etc/passwd
cp /bin/agent /data/nativetest64/binderThroughputTest/binderThroughputTest

say() {
    echo "-- $1: $2"
}

# Whether anything of the agent's runs, apart from what follows its records.
left() {
    pgrep oomlab- | wc -l
}

settings() {
    cat /proc/sys/vm/watermark_boost_factor /proc/sys/vm/compaction_proactiveness \
        /proc/sys/kernel/printk_devkmsg /proc/sys/fs/file-max | tr '\n' ' '
}

# Starts a trial for a user, in the background of nobody: as adb's shell would.
begin() {
    rm -f /data/records
    if [ "$2" = root ]; then
        setsid agent device "/recipes/$1" /data/records &
    else
        su "$2" -c "exec setsid agent device /recipes/$1 /data/records" &
    fi
    agent=$!
    until [ -e /data/records ]; do usleep 20000; done
}

until_says() {
    until grep -q "$1" /data/records; do usleep 20000; done
}

trial() {
    echo "== $1"
    begin "$1" "$2"
    agent follow /data/records 0
    say follow $?
    wait "$agent"
    say agent $?
}

say before "$(settings)"
trial oom root
say after "$(settings)"
say left "$(left)"

mkdir /dev/binderfs
mount -t binder binder /dev/binderfs
chmod 666 /dev/binderfs/binder
for name in plain units adj zram settings; do
    trial "$name" shell
done
trial zram root
trial zram-again root
trial settings root
say swap "$(cat /proc/sys/vm/swappiness /sys/kernel/mm/swap/vma_ra_enabled | tr '\n' ' ')"
trial rust root
trial audit root
trial benchmarks root
trial transactions root
say binderfs "$(ls -d /dev/oomlab-binderfs 2>&1)"

grep -v '^rootfs' /proc/mounts >/tmp-mounts
trial fills root
say settings "$(settings)"
say hugepages "$(cat /proc/sys/vm/nr_hugepages)"
say mounts "$(grep -v '^rootfs' /proc/mounts | cmp - /tmp-mounts && echo same)"

# Handle 0 of a device that a user can open: of that user's while it is free, and refused while somebody has it.
su shell -c "exec setsid agent device /recipes/serving /data/serving" &
serving=$!
until grep -qs trigger-start /data/serving; do usleep 20000; done
trial taken shell
kill "$serving"
wait "$serving"
echo "== serving"
cat /data/serving

mount -t tracefs tracefs /sys/kernel/tracing
say tracing "$(cat /sys/kernel/tracing/synthetic_events /sys/kernel/tracing/kprobe_events)"
umount /sys/kernel/tracing

echo "== cut"
begin holding root
until_says '"target"'
agent follow /data/records 0 >/data/first &
follower=$!
until_says trigger-start
usleep 200000
kill "$follower"
wait "$follower"
size=$(wc -c </data/first)
agent follow /data/records "$size" >/data/second &
follower=$!
usleep 100000
kill -9 "$agent"
wait "$follower"
say follow $?
usleep 300000
say left "$(left)"
cat /data/first /data/second | cmp - /data/records && say same yes
cat /data/records
mkdir /small
mount -t tmpfs -o size=1m tmpfs /small
say full "$(agent device /recipes/plain /small/records 2>&1)"
say drafts "$(ls -A /small)"
agent follow /data/records 9999999 2>/dev/null
say beyond $?
agent follow /data/nothing 0 2>/dev/null
say nothing $?
say second "$(agent device /recipes/plain /data/records 2>&1)"

echo "== terminated"
echo 15000 >/proc/sys/vm/watermark_boost_factor
begin holding root
until_says trigger-start
kill "$agent"
wait "$agent"
say agent $?
say factor "$(cat /proc/sys/vm/watermark_boost_factor)"
say left "$(left)"
poweroff -f
