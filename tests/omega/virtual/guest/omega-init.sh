#!/bin/sh
# Process 1 of the virtual Omega2. The kernel's command line has omega.token=WORD, which marks the
# lines of the console that are meant for the host, and omega.time=SECONDS, the host's clock.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
for word in $(cat /proc/cmdline); do
    case $word in omega.token=*) token=${word#*=} ;; omega.time=*) now=${word#*=} ;; esac
done
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
date -u -s "@$now" >/dev/null
hostname omega-virtual

ip link set lo up
ip address add @GUEST_ADDRESS@/24 dev eth0
ip link set eth0 up

inputattach --daemon --baud 115200 --taos-evm /dev/ttyS2
for i in $(seq 100); do [ -c /dev/i2c-0 ] && break; usleep 50000; done

# The control line: a shell command line comes in, its exit status and output (base64) go out.
stty -F /dev/ttyS1 115200 raw -echo
(
    exec </dev/ttyS1 >/dev/ttyS1 2>&1
    echo ready
    while IFS= read -r line; do
        output=$(sh -c "$line" 2>&1 </dev/null)
        echo "$? $(printf '%s' "$output" | base64 | tr -d '\n')"
    done
) &

mkdir -p /app
tar -x -f /dev/vdb -C /
stty -F /dev/console raw -echo
echo "$token start $(cut -d ' ' -f 1 /proc/uptime) $(awk '/MemAvailable/ {print $2}' /proc/meminfo)"
cd /app
setsid sh /command </dev/null 2>&1
status=$?
echo "$token exit $status"
sync
poweroff -f
