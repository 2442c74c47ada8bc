package clients

import (
	"slices"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/testdata"
)

// sent is what the client has sent in the whole run: how many packets of each kind,
// and what was wrong with their bytes.
type sent struct {
	kind  mqttwire.PacketType // of the packet that is judged
	count [16]int
	wrong [16][]wirejudge.Finding
}

// maxWrong is how many findings of a kind are kept.
const maxWrong = 20

func (s *sent) packet(p *wirejudge.Packet) {
	if p.From == mqttwire.Client {
		s.kind = p.In.Header.Type
		s.count[s.kind]++
	}
}

func (s *sent) found(f wirejudge.Finding) {
	if f.Rule == wirejudge.Bytes && len(s.wrong[s.kind]) < maxWrong {
		s.wrong[s.kind] = append(s.wrong[s.kind], f)
	}
}

// forms come last, and say what was wrong with the bytes of any packet of a kind
// that the client has sent in the whole run.
func forms() (all []check) {
	vectors, err := testdata.Vectors()
	if err != nil {
		panic(err) // the data is part of the program
	}
	for _, x := range []struct {
		name, about string
		kinds       []mqttwire.PacketType
		more        string // clauses that no vector breaks
	}{
		{"connect", "Every CONNECT of the client", []mqttwire.PacketType{mqttwire.CONNECT}, "3.1.1 3.1.3-1 3.1.2-9 3.1.2-14 3.1.2-20; 5.0 3.1.3-1 3.1.2-9"},
		{"publish", "Every PUBLISH of the client", []mqttwire.PacketType{mqttwire.PUBLISH}, ""},
		{"acknowledgement", "Every PUBACK, PUBREC, PUBREL and PUBCOMP of the client", []mqttwire.PacketType{mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP}, ""},
		{"subscribe", "Every SUBSCRIBE of the client", []mqttwire.PacketType{mqttwire.SUBSCRIBE}, ""},
		{"unsubscribe", "Every UNSUBSCRIBE of the client", []mqttwire.PacketType{mqttwire.UNSUBSCRIBE}, ""},
		{"pingreq", "Every PINGREQ of the client", []mqttwire.PacketType{mqttwire.PINGREQ}, ""},
		{"disconnect", "Every DISCONNECT of the client", []mqttwire.PacketType{mqttwire.DISCONNECT}, ""},
	} {
		clauses := conformance.Cite(x.more)
		for _, v := range vectors {
			if v.Valid() || v.From == "server" || v.Version == "3.1" || !slices.Contains(x.kinds, mqttwire.PacketType(v.Bytes()[0]>>4)) {
				continue
			}
			for _, id := range v.Clauses {
				c := conformance.Clause(v.Version + " " + id)
				if r, _ := c.Rule(); (r.Who != "server" || r.Layer == testdata.LayerCodec) && !slices.Contains(clauses, c) {
					clauses = append(clauses, c)
				}
			}
		}
		c := conformance.Check{Name: "form/" + x.name, About: x.about + " in this run is as the standard has it.", Clauses: clauses, Needs: conformance.Needs{Alone: true}}
		all = append(all, check{c, func(s *stage) {
			if x.name == "connect" && s.sent(x.kinds) == 0 {
				s.greeted() // whatever comes
			} else if s.sent(x.kinds) == 0 {
				s.accept()
				s.serve(2*s.window(), nil)
			}
			n := s.sent(x.kinds)
			if n == 0 {
				s.Skip("the client has sent no %s", strings.ToUpper(x.name))
			}
			s.Note("%d packets", n)
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			for _, k := range x.kinds {
				for _, f := range s.w.sent.wrong[k] {
					s.Fault(conformance.Clauses{conformance.Clause(f.Version.String() + " " + f.Clause)}, "packets as the standard has them", f.Text)
				}
			}
		}})
	}
	return all
}

func (s *stage) sent(kinds []mqttwire.PacketType) (n int) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, k := range kinds {
		n += s.w.sent.count[k]
	}
	return n
}
