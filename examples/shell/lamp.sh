#!/bin/sh
# A lamp that Latchwire works, for learning: docs/protocol.md with nothing but sh, awk, openssl and the Mosquitto clients.
#
#     LATCHWIRE_BUNDLE=/path/to/bundle sh lamp.sh
#
# It obeys nobody but who holds a key, and does nothing twice. What it leaves out stands in docs/other-languages.md: for a
# lamp of your own begin with ../javascript. No secret is ever in the process list: keys go through pipes and files.
set -u
export LC_ALL=C
umask 077

agent=agent device=lamp lamp=off simulated=',"simulated":true'
say() { echo "lamp.sh: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# ------------------------------------------------------------------------------------ what it was given
read_bundle() {
    for file in agent.json broker.json keyring login; do
        [ -r "$bundle/$file" ] || die "$bundle/$file: cannot be read. LATCHWIRE_BUNDLE is what \`latchwire bundle\` made"
    done
    ! grep -q '"obeys"' "$bundle/agent.json" ||
        die "agent.json: obeys: this program obeys all whose keys it holds. Take it out, or use the program in JavaScript"
    grep -q "\"$device\": *{" "$bundle/agent.json" || die "agent.json: devices: there is no $device"
    agent=$(member agent.json name)
    lifetime=$(member agent.json lifetime)
    me=$agent-$(openssl rand -hex 16) # the client id: nobody takes us over by guessing it
    version=mqttv5 as_published=--retain-as-published
    [ "$(member broker.json mqtt)" != 3.1.1 ] || version=mqttv311 as_published=
    # The Mosquitto clients read their options here, so that no password is on a command line.
    printf '%s\n' "-h $(member broker.json host)" "-p $(member broker.json port)" "-V $version" '-q 1' --nodelay \
        "-u $agent" "-P $(cat "$bundle/login")" >"$run/mosquitto_sub"
    [ ! -e "$bundle/ca.crt" ] || echo "--cafile $bundle/ca.crt" >>"$run/mosquitto_sub"
    [ ! -e "$bundle/client.crt" ] ||
        printf '%s\n' "--cert $bundle/client.crt" "--key $bundle/client.key" >>"$run/mosquitto_sub"
    cp "$run/mosquitto_sub" "$run/mosquitto_pub"
    export XDG_CONFIG_HOME="$run"
}
member() { sed -n 's/.*"'"$2"'": *"\{0,1\}\([A-Za-z0-9.:-]*\).*/\1/p' "$bundle/$1" | head -n 1; }

# ------------------------------------------------------------------------------------ small tools
publish() { # topic below our own, text, and --retain if it is to stay
    printf %s "$2" | mosquitto_pub -i "$me-pub" -t "latchwire/$agent/$1" ${3:+"$3"} -s || say "nobody took $1"
}
now() { # sets $now: hundredths of a second on a clock that nobody sets, and that counts sleep (CLOCK_BOOTTIME)
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}
matches() { printf '%s\n' "$1" | grep -Eqx -e "$2"; }
encoded() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
decoded() { # base64url in its one spelling: it fails if encoding does not give the same again
    case $((${#1} % 4)) in 2) padding='==' ;; 3) padding='=' ;; *) padding= ;; esac
    printf %s "$1$padding" | tr -- '-_' '+/' | openssl base64 -d -A 2>/dev/null >"$run/decoded"
    [ "$(encoded <"$run/decoded")" = "$1" ] || return 1
    # A header or a claim holds no byte that is not printable ASCII; the shell could not, either.
    [ "$(tr -d '\040-\176' <"$run/decoded" | wc -c)" -ne 0 ] || cat "$run/decoded"
}

# HMAC-SHA256 of the standard input (RFC 2104), by hand: with -macopt all users of the machine would see the key.
hmac() { # key, as 64 hexadecimal digits
    inner=$(pad "$1" 54) outer=$(pad "$1" 92)
    # shellcheck disable=SC2059  # they are formats, of octal escapes
    { printf "$inner" && cat; } | openssl dgst -sha256 -binary | { printf "$outer" && cat; } | openssl dgst -sha256 -binary
}
pad() { # key, number: the key and 32 zero bytes, each XOR that number, as octal escapes
    printf '%s %s\n' "$1" "$2" | awk '
        function digit(at) { return index("0123456789abcdef", substr($1, at, 1)) - 1 }
        function xor(a, b,    bit, sum) {
            for (bit = 1; bit < 256; bit *= 2) { sum += bit * (a % 2 != b % 2); a = int(a / 2); b = int(b / 2) }
            return sum
        }
        { for (i = 1; i < 128; i += 2) printf "\\%03o", xor(i < 64 ? digit(i) * 16 + digit(i + 1) : 0, $2) }'
}
same() { # compares two texts in a time that does not tell where they differ
    [ "$(printf %s "$blind$1" | openssl dgst -sha256)" = "$(printf %s "$blind$2" | openssl dgst -sha256)" ]
}

# ------------------------------------------------------------------------------------ the nonces
# Four windows, the newest first: nonce, when it was made, and a folder with a file for each command, holding its receipt.
n1='' n2='' n3='' n4='' m1=0 m2=0 w1='' w2='' w3='' w4='' turn=0 remembered=0
roll() {
    [ -z "$w4" ] || rm -r "$w4"
    n4=$n3 n3=$n2 n2=$n1 m2=$m1 w4=$w3 w3=$w2 w2=$w1
    turn=$((turn + 1)) remembered=0
    n1=$(openssl rand 16 | encoded) w1=$run/$turn
    mkdir "$w1"
    now
    m1=$now
}
roll_if_due() {
    now
    [ $((now - m1)) -ge $((lifetime * 100)) ] || [ "$remembered" -ge 1024 ] || return 0
    roll
    [ -z "$ready" ] || tell_all
}
find_known() { # sets $file to that of this command, if it is remembered
    for window in $w1 $w2 $w3 $w4; do
        file=$window/$issuer.$jti
        [ ! -e "$file" ] || return 0
    done
    file=
    return 1
}
is_fresh() { # whether a command over $nonce may still act
    now
    case $nonce in
        "$n1") [ $((now - m1)) -le $((until * 100)) ] ;;
        "$n2") [ $((now - m2)) -le $((until * 100)) ] ;;
        *) return 1 ;;
    esac
}

# ------------------------------------------------------------------------------------ what it tells
tell_state() { publish $device/state "{\"state\":\"$lamp\"$simulated}" --retain; }
tell_all() { # also now and then: a broker that was restarted has forgotten it
    tell_state
    publish nonce "{\"protocol\":1,\"nonce\":\"$n1\",\"lifetime\":$lifetime}" --retain
    publish availability online --retain
}
last_alerts=
alert() { # cause: once in ten seconds for each cause
    now
    before=${last_alerts##*" $1="}
    say "A command was not believed. cause=$1"
    [ "$before" = "$last_alerts" ] || [ $((now - ${before%% *})) -ge 1000 ] || return 0
    last_alerts="$last_alerts $1=$now "
    about=
    [ "$name" != $device ] || about="\"device\":\"$device\","
    [ -z "$key" ] || about="$about\"kid\":\"$kid\","
    publish alert "{\"cause\":\"$1\",$about\"count\":1}"
}
answer() { # outcome, more claims; $file, if there is one, keeps the receipt
    if [ "$name" = $device ]; then state=$lamp pretends=$simulated; else state=unknown pretends=; fi
    body="{\"iss\":\"$agent/$name\",\"aud\":\"$issuer\",\"re\":\"$jti\",\"sub\":\"$sub\",\"act\":\"$act\","
    body="$body\"outcome\":\"$1\",\"state\":\"$state\"${2:-}$pretends}"
    header="{\"alg\":\"HS256\",\"typ\":\"receipt+jwt\",\"kid\":\"$kid\"}"
    receipt=$(printf %s "$header" | encoded).$(printf %s "$body" | encoded)
    receipt=$receipt.$(printf %s "$receipt" | hmac "$key" | encoded)
    [ -z "$file" ] || printf %s "$receipt" >"$file"
    publish "$name/receipt/$issuer" "$receipt"
    say "A command was answered. device=$name action=$act who=$sub command=$jti outcome=$1"
}
refuse() { # cause, happened
    more=",\"cause\":\"$1\",\"happened\":\"$2\""
    now
    case $1 in
        stale-nonce | unknown-nonce)
            more="$more,\"nonce\":\"$n1\",\"age\":$(((now - m1 + 99) / 100)),\"over\":\"$nonce\""
            ;;
    esac
    answer refused "$more"
}

# ------------------------------------------------------------------------------------ a command
# The checks of docs/protocol.md in their order. The first that fails decides.
on_command() { # retained, payload in hexadecimal digits; $name is the device of the topic
    key='' file=''
    [ "$1" = 0 ] || { alert retained && return; }
    matches "$name" '[a-z0-9-]{1,32}' && [ ${#2} -le 8192 ] || { alert malformed && return; }
    token=$(text_of "$2")
    case $token in *.*.*.*) token= ;; *.*.*) ;; *) token= ;; esac
    signed=${token%.*} signature=${token##*.}
    if [ -z "$token" ] || ! decoded "$signature" >"$run/binary" || ! claims=$(decoded "${signed#*.}") ||
        ! header=$(decoded "${signed%.*}"); then
        alert malformed
        return
    fi
    kid=${header#'{"alg":"HS256","typ":"command+jwt","kid":"'} kid=${kid%'"}'}
    [ "$header" = "{\"alg\":\"HS256\",\"typ\":\"command+jwt\",\"kid\":\"$kid\"}" ] && [ ${#header} -le 256 ] ||
        { alert malformed && return; }
    case $kid in *[\"\\]*) alert malformed && return ;; esac
    found=$(printf '%s\n' "$kid" | awk -v agent="$agent" \
        'NR == FNR { kid = $0; next } $1 == kid && $2 == agent && length($3) == 64 { print $3 }' - "$bundle/keyring")
    [ -n "$found" ] || { alert unknown-key && return; }
    key=$found
    same "$(printf %s "$signed" | hmac "$key" | encoded)" "$signature" || { alert bad-signature && return; }

    # From here on somebody known signed it, and gets a receipt.
    issuer=${kid%/*}
    well_formed=$(printf %s "$claims" | read_claims >"$run/claims" && echo yes)
    { IFS= read -r jti && IFS= read -r sub && IFS= read -r act && IFS= read -r nonce && IFS= read -r until &&
        IFS= read -r aud; } <"$run/claims" || { jti='' sub='' act='' nonce='' until='' aud=''; }
    [ -n "$well_formed" ] || { refuse malformed no && return; }
    [ "$aud" = "$agent/$name" ] || { refuse wrong-address no && return; }
    case $nonce in "$n1" | "$n2" | "$n3" | "$n4") ;; *) refuse unknown-nonce maybe && return ;; esac
    if find_known; then
        alert replayed # whether the broker marked it as a duplicate, mosquitto_sub does not tell
        [ ! -s "$file" ] || publish "$name/receipt/$issuer" "$(cat "$file")"
        return
    fi
    [ "$until" -le $((2 * lifetime)) ] || { refuse malformed no && return; }
    is_fresh || { refuse stale-nonce no && return; }

    file=$w1/$issuer.$jti
    : >"$file" && remembered=$((remembered + 1)) || return # what cannot be remembered is not done
    [ "$name" = $device ] || { refuse unknown-device no && return; }
    before=$lamp
    case $act in
        on | off) lamp=$act ;;
        toggle) if [ "$lamp" = on ]; then lamp=off; else lamp=on; fi ;;
        status) ;;
        *) refuse unknown-action no && return ;;
    esac
    answer 'done'
    [ "$lamp" = "$before" ] || tell_state
}
text_of() { # hexadecimal digits: the text, if it is made of a token's characters; one LF or CRLF at its end is taken off
    hex=${1%0a}
    [ "$hex" = "$1" ] || hex=${hex%0d}
    printf '%s\n' "$hex" | awk '
        function digit(at) { return index("0123456789abcdef", substr($0, at, 1)) - 1 }
        { for (i = 1; i < length($0); i += 2) {
            character = sprintf("%c", digit(i) * 16 + digit(i + 1))
            if (character !~ /^[A-Za-z0-9_.-]$/) exit
            text = text character
          }
          print text }'
}
read_claims() { # from the standard input: prints jti, sub, act, nonce, until and aud, "" what is malformed; fails if anything is
    awk -v issuer="$issuer" '
        function text(name) { return value[name] ~ /^"/ ? substr(value[name], 2, length(value[name]) - 2) : "" }
        function number(name) { return value[name] ~ /^[0-9]/ ? value[name] : "" }
        function good(name, fits) { if (!fits) { wrong = 1; return "" }; return text(name) }
        { rest = "," substr($0, 2); ended = /^\{.*\}$/ }
        END {
            # No spaces and no escapes: who writes a command for this program leaves them out.
            while (match(rest, /^,"[a-z]+":("[] !#-[^-~]*"|true|false|0|[1-9][0-9]*)/)) {
                member = substr(rest, 2, RLENGTH - 1)
                name = substr(member, 2, index(member, ":") - 3)
                if (name in value || length(member) > 140) ended = 0
                value[name] = substr(member, length(name) + 4)
                if (length(value[name]) > (value[name] ~ /^"/ ? 130 : 16) || value[name] + 0 > 9007199254740991) ended = 0
                rest = substr(rest, RLENGTH + 1)
                count += 1
            }
            if (!ended || rest != "}") { for (name in value) delete value[name]; wrong = 1 }
            if (count != 8 || text("iss") != issuer || number("iat") == "") wrong = 1
            jti = text("jti"); act = text("act"); nonce = text("nonce"); until = number("until") + 0
            print good("jti", jti ~ /^[A-Za-z0-9_-]+$/ && length(jti) >= 16 && length(jti) <= 64)
            print good("sub", index(text("sub"), issuer ":") == 1 && length(text("sub")) > length(issuer) + 1)
            print good("act", act ~ /^[a-z][a-z0-9-]*$/ && length(act) <= 32)
            print good("nonce", nonce ~ /^[A-Za-z0-9_-]+$/ && length(nonce) == 22)
            print until
            print good("aud", value["aud"] ~ /^"/)
            exit wrong || until < 1 || until > 600
        }'
}

# ------------------------------------------------------------------------------------ at work
on_message() { # retained, payload in hexadecimal digits, topic
    what=${3#"latchwire/$agent/"}
    name=${what%/command}
    if [ "$what" = self-test/command ]; then
        [ -z "$ready" ] && [ "$2" = "$(printf %s "$proof" | od -An -v -tx1 | tr -d ' \n')" ] || return 0
        ready=yes
        say "Connected, and ready for commands."
        tell_all
    elif [ "$what" = availability ]; then
        # 6f6e6c696e65 is "online". The will of an earlier connection, perhaps of a broker's restart.
        [ -z "$ready" ] || [ "$2" = 6f6e6c696e65 ] || tell_all
    elif [ "$what" != "$name" ]; then
        on_command "$1" "$2"
    fi
}
feed() { # a line for each message, and one for each second; it ends the connection when nobody reads any more
    trap '' PIPE
    # shellcheck disable=SC2086  # one option or none
    mosquitto_sub -i "$me" $as_published -F '%r,%x,%t' -t "latchwire/$agent/+/command" -t "latchwire/$agent/availability" \
        --will-topic "latchwire/$agent/availability" --will-payload offline --will-qos 1 --will-retain &
    subscriber=$!
    echo "subscriber,$subscriber,"
    while kill -0 $subscriber 2>/dev/null && echo tick,, 2>/dev/null; do sleep 1; done
    kill -KILL $subscriber 2>/dev/null # without a good-bye, so that the broker publishes the will
}
# shellcheck disable=SC2329  # by trap
bye() {
    [ -z "$ready" ] || publish availability offline --retain
    [ -z "$subscriber" ] || kill "$subscriber"
    rm -r "$run"
    exit 0
}

bundle=${LATCHWIRE_BUNDLE:-}
run=$(mktemp -d) || exit 1
subscriber='' ready='' name=''
trap bye INT TERM
read_bundle
blind=$(openssl rand -hex 32)
proof=$(openssl rand -hex 16)
roll
mkfifo "$run/feed"
feed >"$run/feed" &
while IFS=, read -r retained payload topic; do
    roll_if_due
    case $retained in
        tick) [ -n "$ready" ] || publish self-test/command "$proof" ;;
        subscriber) subscriber=$payload ;;
        *) on_message "$retained" "$payload" "$topic" ;;
    esac
done <"$run/feed"
say "The connection has ended."
rm -r "$run"
exit 1
