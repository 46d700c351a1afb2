package peer

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"roomline/media"
)

// codecs lists what a section's m-line names and we know, each format once.
func codecs(m *sdp.MediaDescription) []codec {
	maps := rtpmaps(m)
	var list []codec
	for i, s := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(s, 10, 7)
		if err != nil || i >= maxFormats {
			continue
		}
		f, ok := maps[uint8(pt)]
		if !ok {
			f = static[uint8(pt)]
		}
		if _, double := find(f, list); !double && (isKnown(f) || isEvent(f) && (f.ClockRate == 8000 || f.ClockRate == 48000)) {
			list = append(list, codec{canonical(f), uint8(pt)})
		}
	}
	return list
}

// canonical spells a known format our way.
func canonical(f media.Format) media.Format {
	for _, k := range known {
		if k.Same(f) {
			return k
		}
	}
	return event(f.ClockRate)
}

func rtpmaps(m *sdp.MediaDescription) map[uint8]media.Format {
	maps := map[uint8]media.Format{}
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		number, encoding, _ := strings.Cut(a.Value, " ")
		pt, err := strconv.ParseUint(number, 10, 7)
		if f, ok := encodingFormat(encoding); ok && err == nil {
			maps[uint8(pt)] = f
		}
	}
	return maps
}

func encodingFormat(s string) (media.Format, bool) {
	parts := strings.Split(strings.TrimSpace(s), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return media.Format{}, false
	}
	clock, err := strconv.Atoi(parts[1])
	f := media.Format{Name: parts[0], ClockRate: clock, Channels: 1}
	if len(parts) == 3 && err == nil {
		f.Channels, err = strconv.Atoi(parts[2])
	}
	return f, err == nil
}
