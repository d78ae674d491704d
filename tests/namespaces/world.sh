# Makes a small world with a network of its own, and ends it.
#
# Runs in fresh network and mount namespaces and as root. Says "ready" once the world is made,
# waits for the end of its standard input, and then kills whatever still runs in the world:
# also when whoever made it was killed himself. $1 is the address of the far end of the cable,
# $2 the owner's profile ("" for none), $3 "true" where NetworkManager is to ask polkit, $4 the
# interfaces that NetworkManager makes no profile of its own for.
set -eu

# Fresh state for the services, and an /etc of their own: NetworkManager renames its resolv.conf
# over the machine's.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/dbus /run/netns /run/NetworkManager/conf.d /run/etc
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
rm -rf /etc/NetworkManager/conf.d /etc/NetworkManager/dispatcher.d /etc/resolv.conf
rm -rf /etc/NetworkManager/system-connections
mkdir -p -m 700 /etc/NetworkManager/system-connections
mount -t tmpfs tmpfs /var/lib/NetworkManager
# Read-only, so that NetworkManager does not wait for udev, and of this network namespace.
mount -t sysfs -o ro sysfs /sys

cat > /run/NetworkManager/conf.d/world.conf <<END
[main]
plugins=keyfile
no-auto-default=$4
auth-polkit=$3
[connectivity]
enabled=false
[device-veth]
match-device=interface-name:eth0
managed=1
carrier-wait-timeout=1000
END
if [ -n "$2" ]; then
    (umask 077; cat > "/etc/NetworkManager/system-connections/$2.nmconnection") <<END
[connection]
id=$2
uuid=6f776e65-7200-4000-8000-000000000001
type=ethernet
interface-name=eth0
[ipv4]
method=auto
[ipv6]
method=disabled
END
fi

# Nobody is to be started who could answer for polkit.
polkit=/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service
[ ! -e $polkit ] || mount --bind /dev/null $polkit

# The cable, and what is at its other end. IPv6 would only delay everything by a second or two.
ipv6=/proc/sys/net/ipv6/conf/default/disable_ipv6
[ ! -e $ipv6 ] || echo 1 > $ipv6
ip link set lo up
ip netns add far
ip -n far link set lo up
ip link add eth0 type veth peer name peer0 netns far
ip -n far address add "$1/24" dev peer0
ip -n far link set peer0 up

echo ready
cat > /dev/null || true

mine=$(readlink /proc/self/ns/mnt)
for process in /proc/[0-9]*; do
    [ "$process" = "/proc/$$" ] || [ "$(readlink "$process/ns/mnt")" != "$mine" ] || kill -9 "${process#/proc/}" || true
done
