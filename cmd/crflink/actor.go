package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/crflink/crflink/audit"
)

// actorVariable is the environment variable that names the person or job for whom crflink is run.
const actorVariable = "CRFLINK_ACTOR"

// actor is who runs crflink: the account of the operating system always, and whom the environment names.
func actor() audit.Actor {
	account := fmt.Sprintf("uid %d", os.Getuid()) // in a container the account may have no name
	if u, err := user.Current(); err == nil && u.Username != "" {
		account = u.Username
	}
	return audit.Actor{Account: account, For: os.Getenv(actorVariable)}
}

// audit opens the study's audit for the actor.
func (o *opened) audit(ctx context.Context) (err error) {
	who := actor()
	who.For = cmp.Or(o.by, who.For)
	if o.Audit, err = audit.NewRecorder(ctx, o.log, o.Vault, who, time.Now); err != nil {
		return fmt.Errorf("the study's audit (%s names who acts): %w", actorVariable, err)
	}
	return nil
}
