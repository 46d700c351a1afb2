# Installing everything from a bare Debian 12. Each step is skipped when it is done,
# and only one `bed install` works at a time.

BOOKWORM_PKGS="baresip-core ca-certificates chromium curl firefox-esr iproute2 mmdebstrap openssl postgresql procps util-linux"
SID_PKGS="base-files,dash,asterisk,asterisk-modules,asterisk-core-sounds-en,asterisk-core-sounds-en-gsm,matrix-synapse,sip-tester,kamailio,kamailio-tls-modules"
SID_DONE=$ROOT/.complete-$(cksum <<<"$SID_PKGS" | cut -d" " -f1)   # of exactly these packages

installed() { [ -e "$SID_DONE" ] && [ -e "$BED_DIST/.complete" ] && [ -x "$DENDRITE/dendrite" ]; }
step() { # NAME FUNCTION ; its output goes to a log that is shown when it fails
  local t l=$CACHE/install-$1.log; t=$(now)
  "$2" >"$l" 2>&1 || { tail -20 "$l" >&2; die "installing $1 failed, see $l (is the network there?)"; }
  log "$(printf '  %-8s %5s s' "$1" "$(since "$t")")"
}
install_all() {
  [ "$(id -u)" = 0 ] || die 'must be root: the peers run in a chroot and a network namespace'
  command -v apt-get >/dev/null || die 'needs Debian 12 (there is no apt-get here)'
  mkdir -p "$CACHE" || die "cannot write to $CACHE"
  exec 9>"$CACHE/install.lock"; flock 9
  log "bed: installing into $CACHE"
  step apt install_apt
  step dendrite install_dendrite & local built=$!   # it compiles while the others download
  ( step sid install_sid; step browser install_browser ); local rc=$?
  wait "$built" && [ $rc = 0 ] || exit 1
  exec 9>&-
}

install_apt() { # bookworm's own packages; npm and a C compiler only where there is none
  local p missing=()
  for p in $BOOKWORM_PKGS; do dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p"); done
  command -v npm >/dev/null || missing+=(npm)
  command -v gcc >/dev/null || missing+=(gcc libc6-dev)   # go test -race links with it
  [ ${#missing[@]} = 0 ] && return 0
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends "${missing[@]}"
}

install_sid() { # Asterisk 22, Synapse, SIPp 3.8 and Kamailio, unpacked into a folder: bookworm has none of these, or starts them
  # --variant=extract resolves and downloads the dependency closure with apt and only
  # unpacks it: no maintainer script runs, no daemon starts, no essential set.
  # Check-Valid-Until: the mirror's sid may be older than the date in its Release file.
  [ -e "$SID_DONE" ] && return 0
  # the mirror this machine's apt is set up with
  local mirror=${DEB_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 2>/dev/null | head -n 1)}
  [ -n "$mirror" ] || { echo 'no Debian mirror found: set DEB_MIRROR'; return 1; }
  rm -rf "$ROOT"
  mmdebstrap --quiet --variant=extract --mode=root --format=directory \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Retries "3"' --include="$SID_PKGS" sid "$ROOT" "$mirror" || return 1
  # What the skipped maintainer scripts would have made and the servers look up:
  printf 'root:x:0:0:root:/root:/bin/sh\nasterisk:x:0:0::/var/lib/asterisk:/bin/sh\nkamailio:x:0:0::/run:/bin/sh\n' >"$ROOT/etc/passwd"
  printf 'root:x:0:\nasterisk:x:0:\nkamailio:x:0:\n' >"$ROOT/etc/group"
  printf '127.0.0.1 localhost\n' >"$ROOT/etc/hosts"
  mkdir -p "$ROOT/bed" && touch "$SID_DONE"
}

install_dendrite() { # the second homeserver, built from its Go module
  # `go install PKG@VERSION` asks for the list of versions too, which not every proxy has;
  # a module that requires exactly this one does not. Checksums are Go's own database's.
  [ -x "$DENDRITE/dendrite" ] && return 0
  command -v go >/dev/null || { echo 'no go command: Dendrite is built from source'; return 1; }
  rm -rf "$DENDRITE"; mkdir -p "$DENDRITE/src"
  printf 'module bed.test/dendrite\n\ngo 1.23\n\nrequire github.com/element-hq/dendrite %s\n' "$DENDRITE_VERSION" >"$DENDRITE/src/go.mod"
  (cd "$DENDRITE/src" && GOFLAGS=-mod=mod GOWORK=off go build -trimpath -o "$DENDRITE/new" github.com/element-hq/dendrite/cmd/dendrite) \
    && mv "$DENDRITE/new" "$DENDRITE/dendrite"
}

install_browser() { # the call page: matrix-js-sdk bundled by esbuild
  [ -e "$BED_DIST/.complete" ] && return 0
  local src=$BED/../browser node
  node=$CACHE/node-$(sha256sum <"$src/package-lock.json" | cut -c1-12)
  if [ ! -e "$node/.complete" ]; then
    rm -rf "$node"; mkdir -p "$node" && cp "$src"/package*.json "$node/" || return 1
    # scripts are not needed: esbuild's own binary is a package of its own
    (cd "$node" && npm ci --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error) && touch "$node/.complete" || return 1
  fi
  find "$CACHE" -maxdepth 1 -name 'dist-*' -mtime +7 -exec rm -r {} +   # of pages that have changed since
  mkdir -p "$BED_DIST"
  NODE_PATH=$node/node_modules "$node"/node_modules/@esbuild/linux-*/bin/esbuild "$src/page.js" \
    --bundle --format=esm --target=chrome120 --outfile="$BED_DIST/page.js" --log-level=warning || return 1
  mkdir -p "$BED_DIST/pkg" && cp "$node"/node_modules/@matrix-org/matrix-sdk-crypto-wasm/pkg/*.wasm "$BED_DIST/pkg/" || return 1   # where the bundle looks for it
  cp "$src"/*.html "$src"/*.css "$src/ui.js" "$src/recorder.js" "$BED_DIST/" && touch "$BED_DIST/.complete"
}
