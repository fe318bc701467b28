package mainzelliste

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/crflink/crflink/internal/wire"
	"github.com/crflink/crflink/pseudonym/service"
)

// id is an ID of a patient as a Mainzelliste writes it.
type id struct {
	Type      string `json:"idType"`
	Value     string `json:"idString"`
	Tentative bool   `json:"tentative,omitempty"`
}

// Errors of single patients. They name nobody.
var (
	errUnclear   = errors.New("the Mainzelliste gave the patient two answers")
	errNoNumber  = errors.New("the Mainzelliste has no ID of the study's type for the patient")
	errTentative = errors.New("the Mainzelliste's ID of the patient is tentative: somebody has to decide there whether it is another patient's")
	errUnsure    = errors.New("the Mainzelliste is not sure who the patient is: somebody has to decide there")
	errDeclined  = errors.New("the Mainzelliste declined to create the patient: is the ID type of the site's identifier an external one, and its value allowed?")
)

// begin opens the session, and checks that both ID types are known and may be read.
func (n *Numbers) begin(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session != "" {
		return nil
	}
	session, err := n.open(ctx)
	if err != nil {
		return err
	}
	_, err = n.post(ctx, session, n.readToken(nil))
	if isUnknown(err) {
		return fmt.Errorf("does it know the ID types that are configured? %w", err)
	}
	if err == nil {
		n.session = session
	}
	return err
}

func (n *Numbers) open(ctx context.Context) (string, error) {
	var out struct {
		SessionID string `json:"sessionId"`
	}
	err := n.wire.Do(ctx, newSession, wire.Call{Type: wire.JSON}, func(a wire.Answer) error { return decode(a, &out) })
	if err == nil && out.SessionID == "" {
		err = errors.New("the answer names no session; check the base URL")
	}
	return out.SessionID, err
}

// token is what a token is asked for with.
type token struct {
	Type        string `json:"type"`
	AllowedUses int    `json:"allowedUses"`
	Data        any    `json:"data"`
}

func (n *Numbers) readToken(originals []string) token {
	data := struct {
		SearchIDs    []id     `json:"searchIds"`
		ResultFields []string `json:"resultFields"`
		ResultIDs    []string `json:"resultIds"`
	}{[]id{}, []string{}, []string{n.options.IdentifierType, n.options.NumberType}}
	for _, o := range originals {
		data.SearchIDs = append(data.SearchIDs, id{Type: n.options.IdentifierType, Value: o})
	}
	return token{"readPatients", 1, data}
}

func (n *Numbers) addToken(original string) token {
	return token{"addPatient", 1, struct {
		IDTypes []string          `json:"idTypes"`
		IDs     map[string]string `json:"ids"`
	}{[]string{n.options.IdentifierType, n.options.NumberType}, map[string]string{n.options.IdentifierType: original}}}
}

// token gets a token in the session. A session that has run out is replaced by a new one.
func (n *Numbers) token(ctx context.Context, t token) (string, error) {
	n.mu.Lock()
	session := n.session
	n.mu.Unlock()
	name, err := n.post(ctx, session, t)
	if !isMissing(err) {
		return name, err
	}
	alive := n.wire.Do(ctx, aSession, wire.Call{Arguments: []string{session}}, func(wire.Answer) error { return nil })
	if !isMissing(alive) {
		return "", errors.Join(err, alive) // it is the patient who is not there
	}
	if session, err = n.renew(ctx, session); err != nil {
		return "", err
	}
	return n.post(ctx, session, t)
}

// renew opens another session, unless somebody did so already.
func (n *Numbers) renew(ctx context.Context, old string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.session != old {
		return n.session, nil
	}
	session, err := n.open(ctx)
	if err == nil {
		n.session = session
	}
	return session, err
}

func isMissing(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound
}

func (n *Numbers) post(ctx context.Context, session string, t token) (string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return "", errors.New("the request cannot be written")
	}
	var out struct {
		ID      string `json:"id"`
		TokenID string `json:"tokenId"` // of interface versions before 2
	}
	err = n.wire.Do(ctx, newToken, wire.Call{Arguments: []string{session}, Body: body, Type: wire.JSON}, func(a wire.Answer) error { return decode(a, &out) })
	if err == nil && out.ID == "" {
		out.ID = out.TokenID
	}
	if err == nil && out.ID == "" {
		err = errors.New("the answer names no token; check the base URL")
	}
	return out.ID, err
}

// read asks for patients that must all be known.
func (n *Numbers) read(ctx context.Context, originals []string) (answers map[string]service.Answer, err error) {
	err = again(ctx, func() error {
		name, err := n.token(ctx, n.readToken(originals))
		if err != nil {
			return err
		}
		return n.wire.Do(ctx, read, wire.Call{Arguments: []string{name}}, func(a wire.Answer) error {
			var patients []struct {
				IDs []id `json:"ids"`
			}
			if err := decode(a, &patients); err != nil {
				return err
			}
			answers = map[string]service.Answer{}
			for _, p := range patients {
				n.take(answers, p.IDs, originals)
			}
			return nil
		})
	})
	return answers, err
}

// take notes a patient's IDs. What nobody asked for is passed over, and a second answer about a patient must say the same.
func (n *Numbers) take(answers map[string]service.Answer, ids []id, originals []string) {
	original, now := n.judge(ids)
	for _, o := range originals {
		if o != original {
			continue
		}
		if before, seen := answers[o]; seen && before != now {
			now = service.Answer{Err: errUnclear}
		}
		answers[o] = now
	}
}

// judge finds the original among a patient's IDs, and the number.
func (n *Numbers) judge(ids []id) (original string, a service.Answer) {
	a.Err = errNoNumber
	for _, i := range ids {
		switch {
		case i.Type == n.options.IdentifierType && original == "":
			original = i.Value
		case i.Type == n.options.IdentifierType && i.Value != original:
			return original, service.Answer{Err: errUnclear}
		case i.Type == n.options.NumberType && i.Tentative:
			a = service.Answer{Err: errTentative}
		case i.Type == n.options.NumberType && i.Value != "":
			if a.Pseudonym != "" && a.Pseudonym != i.Value {
				return original, service.Answer{Err: errUnclear}
			}
			if !errors.Is(a.Err, errTentative) {
				a = service.Answer{Pseudonym: i.Value}
			}
		}
	}
	return original, a
}

// create has the Mainzelliste create a patient who is known by the site's identifier only. Where that identifier is known
// meanwhile it answers with that patient, so that doing it again gives the same number.
func (n *Numbers) create(ctx context.Context, original string) (service.Answer, error) {
	var ids []id
	err := again(ctx, func() error {
		name, err := n.token(ctx, n.addToken(original))
		if err != nil {
			return err
		}
		return n.wire.Do(ctx, create, wire.Call{Query: url.Values{"tokenId": {name}}, Type: wire.Form}, func(a wire.Answer) error {
			ids = nil
			return decode(a, &ids)
		})
	})
	var status *wire.StatusError
	if errors.As(err, &status) {
		switch status.Status {
		case http.StatusConflict:
			return service.Answer{Err: errUnsure}, nil
		case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound:
			return service.Answer{Err: errDeclined}, nil
		}
	}
	if err != nil {
		return service.Answer{}, err
	}
	told, a := n.judge(ids)
	if told != original {
		return service.Answer{Err: errUnclear}, nil
	}
	return a, nil
}

// decode reads an answer. What cannot be read is not repeated in the error: it may name patients.
func decode(a wire.Answer, into any) error {
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return err
	}
	if json.Unmarshal(text, into) != nil {
		return fmt.Errorf("%w: it is not the JSON that was asked for; a login page or a proxy may have answered", wire.ErrBroken)
	}
	return nil
}
