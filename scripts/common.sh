# Read by the scripts beside it and by ./latchwire; needs TOP, the top of the checkout.
# shellcheck shell=sh

export LATCHWIRE_STATE="${LATCHWIRE_STATE:-$TOP/state}"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" # a user's PATH may lack /usr/sbin, where Debian's mosquitto is

say() { printf 'latchwire: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}
