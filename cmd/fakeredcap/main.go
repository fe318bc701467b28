// Command fakeredcap serves one project of a fake REDCap on this machine, for trials without a real one. It keeps
// everything in memory and forgets it at its end. docs/redcap.md says how far it resembles the real one.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/crflink/crflink/ecrf/redcap/fakeredcap"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fakeredcap:", err)
		return 1
	}
	return 0
}

type options struct{ dictionary, events, data, missing, token, listen string }

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:           "fakeredcap --dictionary FILE",
		Short:         "A fake REDCap with one project, in memory",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.server()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), s, o.listen, func(base string) { fmt.Fprintln(cmd.OutOrStdout(), base) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dictionary, "dictionary", "", "data dictionary as CSV; without it, a large one is made up")
	f.StringVar(&o.events, "events", "", "events as CSV; all forms are in all of them")
	f.StringVar(&o.data, "data", "", "records as flat CSV")
	f.StringVar(&o.missing, "missing-codes", "", "missing data codes, such as \"NASK, Not asked | UNK, Unknown\"")
	f.StringVar(&o.token, "token", "0123456789ABCDEF0123456789ABCDEF", "token of the account crflink, which has all rights")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address")
	return cmd
}

func (o *options) server() (*fakeredcap.Server, error) {
	d := fakeredcap.Large(15, 36)
	if o.dictionary != "" {
		d = fakeredcap.Design{Title: "Fake"}
		if err := read(o.dictionary, func(f *os.File) (err error) { d.Fields, err = fakeredcap.ReadFields(f); return err }); err != nil {
			return nil, err
		}
	}
	if o.events != "" {
		if err := read(o.events, func(f *os.File) error { return d.ReadEvents(f) }); err != nil {
			return nil, err
		}
	}
	d.MissingCodes = o.missing
	s := fakeredcap.New(time.Now)
	p := s.Add(d, fakeredcap.Service("crflink", o.token))
	if o.data != "" {
		if err := read(o.data, func(f *os.File) error { return p.Fill(f) }); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func read(path string, with func(*os.File) error) error {
	f, err := os.Open(path) // #nosec G304 -- a file that the user named
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return with(f)
}

// serve answers until ctx ends; ready is told the URL of the API.
func serve(ctx context.Context, h http.Handler, address string, ready func(string)) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	ready("http://" + l.Addr().String() + "/api/")
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
