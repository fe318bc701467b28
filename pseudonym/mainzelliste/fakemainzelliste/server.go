// Package fakemainzelliste is a Mainzelliste as far as its REST interface is publicly described: a Server keeps patients with
// their IDs, sessions and tokens, and refuses what the real one refuses.
//
//   - A wrong API key is 401, an unknown session 404, a token that is unknown, used up or of another type 401.
//   - A token for an ID type or a patient that is unknown is 400, and with it every other patient that it names.
//   - Refusals are plain text, and repeat what was asked for.
package fakemainzelliste

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/crflink/crflink/internal/fake"
)

// Server is a fake Mainzelliste.
type Server struct {
	fake.Front
	Key         string   // API key that is demanded
	Permissions []string // of its holder; all when nil

	mu        sync.Mutex
	external  []string // ID types whose values come from outside
	generated []string // ID types whose values it makes
	patients  []*patient
	sessions  map[string]bool
	tokens    map[string]*token
	unsure    map[string]bool
	tentative map[string]bool
	count     int
}

type patient struct {
	ids       map[string]string
	tentative bool
}

type token struct {
	typ, session string
	data         data
	uses         int
}

type data struct {
	SearchIDs []struct {
		Type  string `json:"idType"`
		Value string `json:"idString"`
	} `json:"searchIds"`
	ResultIDs    []string          `json:"resultIds"`
	ResultFields []string          `json:"resultFields"`
	IDTypes      []string          `json:"idTypes"`
	IDs          map[string]string `json:"ids"`
}

// New returns a Mainzelliste without patients, with these ID types.
func New(key string, external, generated []string) *Server {
	s := &Server{Key: key, external: external, generated: generated, sessions: map[string]bool{}, tokens: map[string]*token{}, unsure: map[string]bool{}, tentative: map[string]bool{}}
	m := http.NewServeMux()
	m.HandleFunc("POST /mainzelliste/sessions", s.openSession)
	m.HandleFunc("GET /mainzelliste/sessions/{sid}", s.readSession)
	m.HandleFunc("DELETE /mainzelliste/sessions/{sid}", s.endSession)
	m.HandleFunc("POST /mainzelliste/sessions/{sid}/tokens", s.newToken)
	m.HandleFunc("GET /mainzelliste/patients/tokenId/{tid}", s.read)
	m.HandleFunc("POST /mainzelliste/patients", s.create)
	s.Handler = m
	return s
}

// Insert adds a patient with these IDs, as enrolment does.
func (s *Server) Insert(ids map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patients = append(s.patients, &patient{ids: ids})
}

// BeUnsure makes the creation of a patient end with 409.
func (s *Server) BeUnsure(value string) { s.mu.Lock(); defer s.mu.Unlock(); s.unsure[value] = true }

// BeTentative makes the creation of a patient give tentative IDs.
func (s *Server) BeTentative(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tentative[value] = true
}

// Expire ends all sessions, as their time-out does.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	clear(s.tokens)
}

// Len returns how many patients there are.
func (s *Server) Len() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.patients) }

// Sessions returns how many sessions are open.
func (s *Server) Sessions() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.sessions) }

func (s *Server) may(w http.ResponseWriter, q *http.Request, permission string) bool {
	if q.Header.Get("mainzellisteApiKey") != s.Key || s.Permissions != nil && !slices.Contains(s.Permissions, permission) {
		http.Error(w, "Please supply your API key in HTTP header field 'mainzellisteApiKey', or ask for permission "+permission, http.StatusUnauthorized)
		return false
	}
	return true
}

func (s *Server) openSession(w http.ResponseWriter, q *http.Request) {
	if !s.may(w, q, "createSession") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	sid := fmt.Sprintf("session-%d", s.count)
	s.sessions[sid] = true
	answer(w, http.StatusCreated, map[string]string{"sessionId": sid, "uri": "http://" + q.Host + q.URL.Path + "/" + sid + "/"})
}

func (s *Server) readSession(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sid := q.PathValue("sid"); !s.sessions[sid] {
		http.Error(w, "No session with id "+sid, http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, map[string]string{"sessionId": q.PathValue("sid")})
}

func (s *Server) endSession(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, q.PathValue("sid"))
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) newToken(w http.ResponseWriter, q *http.Request) {
	var in struct {
		Type        string      `json:"type"`
		AllowedUses json.Number `json:"allowedUses"`
		Data        data        `json:"data"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sid := q.PathValue("sid")
	switch {
	case !s.sessions[sid]:
		http.Error(w, "No session with id "+sid, http.StatusNotFound)
		return
	case q.Header.Get("Content-Type") != "application/json" || json.NewDecoder(q.Body).Decode(&in) != nil:
		http.Error(w, "invalid token", http.StatusBadRequest)
		return
	case !s.may(w, q, "createToken") || !s.may(w, q, "tt_"+in.Type):
		return
	}
	if refusal := s.check(in.Type, in.Data); refusal != "" {
		http.Error(w, refusal, http.StatusBadRequest)
		return
	}
	s.count++
	tid := fmt.Sprintf("token-%d", s.count)
	uses := 1
	if n, err := in.AllowedUses.Int64(); err == nil && n > 0 {
		uses = int(n)
	}
	s.tokens[tid] = &token{in.Type, sid, in.Data, uses}
	answer(w, http.StatusCreated, map[string]any{"id": tid, "type": in.Type, "uri": "http://" + q.Host + q.URL.Path + "/" + tid})
}

// check returns why a token is refused.
func (s *Server) check(typ string, d data) string {
	if typ != "readPatients" && typ != "addPatient" {
		return "Token type " + typ + " unknown!"
	}
	for _, t := range slices.Concat(d.ResultIDs, d.IDTypes) {
		if !s.knows(t) {
			return "ID type '" + t + "' provided in ID type list is unknown!"
		}
	}
	if len(d.ResultFields) > 0 {
		return "Field '" + d.ResultFields[0] + "' provided in field list is unknown!"
	}
	for _, i := range d.SearchIDs {
		if !s.knows(i.Type) {
			return "ID type " + i.Type + " unknown!"
		}
		if s.find(i.Type, i.Value) == nil {
			return "No patient found with provided " + i.Type + " '" + i.Value + "'!"
		}
	}
	return ""
}

func (s *Server) knows(typ string) bool {
	return slices.Contains(s.external, typ) || slices.Contains(s.generated, typ)
}

func (s *Server) find(typ, value string) *patient {
	i := slices.IndexFunc(s.patients, func(p *patient) bool { return p.ids[typ] == value })
	if i < 0 {
		return nil
	}
	return s.patients[i]
}

// use takes a token, and deletes it with its last use.
func (s *Server) use(w http.ResponseWriter, tid, typ string) *token {
	t := s.tokens[tid]
	if t == nil || t.typ != typ || !s.sessions[t.session] {
		http.Error(w, "Please supply a valid '"+typ+"' token, not "+tid, http.StatusUnauthorized)
		return nil
	}
	if t.uses--; t.uses == 0 {
		delete(s.tokens, tid)
	}
	return t
}

type id struct {
	Type      string `json:"idType"`
	Value     string `json:"idString"`
	Tentative bool   `json:"tentative"`
	URI       string `json:"uri,omitempty"`
}

func (p *patient) list(types []string) []id {
	ids := []id{}
	for _, t := range types {
		if v, ok := p.ids[t]; ok {
			ids = append(ids, id{Type: t, Value: v, Tentative: p.tentative})
		}
	}
	return ids
}

func (s *Server) read(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.use(w, q.PathValue("tid"), "readPatients")
	if t == nil {
		return
	}
	all := []map[string]any{}
	for _, i := range t.data.SearchIDs {
		if p := s.find(i.Type, i.Value); p != nil {
			all = append(all, map[string]any{"ids": p.list(t.data.ResultIDs)})
		}
	}
	answer(w, http.StatusOK, all)
}

// create makes a patient, or finds the one that has the external ID.
func (s *Server) create(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(q.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Patient created</html>"))
		return
	}
	t := s.use(w, q.URL.Query().Get("tokenId"), "addPatient")
	if t == nil {
		return
	}
	var found *patient
	external := map[string]string{}
	for _, typ := range s.external {
		if v := t.data.IDs[typ]; v != "" {
			external[typ] = v
			found = s.find(typ, v)
		}
	}
	for _, v := range external {
		if s.unsure[v] {
			answer(w, http.StatusConflict, map[string]string{"message": "Unable to definitely determined whether " + v + " refers to an existing or to a new patient."})
			return
		}
	}
	if len(external) == 0 {
		http.Error(w, "Neither complete IDAT nor an external ID has been given as input!", http.StatusBadRequest)
		return
	}
	if found == nil {
		found = s.admit(external)
	}
	ids := found.list(t.data.IDTypes)
	for i := range ids {
		ids[i].URI = "http://" + q.Host + "/mainzelliste/patients/" + ids[i].Type + "/" + ids[i].Value
	}
	answer(w, http.StatusCreated, ids)
}

func (s *Server) admit(ids map[string]string) *patient {
	p := &patient{ids: ids}
	for _, v := range ids {
		p.tentative = p.tentative || s.tentative[v]
	}
	for _, t := range s.generated {
		ids[t] = fmt.Sprintf("%s-%06d", strings.ToUpper(t), 7919*(len(s.patients)+1)%1_000_000)
	}
	s.patients = append(s.patients, p)
	return p
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
