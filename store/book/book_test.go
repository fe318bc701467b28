package book_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/crflink/crflink/internal/shared"
	"github.com/crflink/crflink/schedule"
	"github.com/crflink/crflink/schedule/booktest"
	"github.com/crflink/crflink/store/book"
	"github.com/crflink/crflink/store/postgres"
)

func opened(t *testing.T, open func() (*book.Book, error)) func() schedule.Book {
	return func() schedule.Book {
		t.Helper()
		b, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		return b
	}
}

func TestSQLitePassesTheExam(t *testing.T) {
	booktest.Run(t, func(t *testing.T) func() schedule.Book {
		path := filepath.Join(t.TempDir(), "serve.db")
		return opened(t, func() (*book.Book, error) { return book.Open(t.Context(), path) })
	})
}

func TestPostgreSQLPassesTheExam(t *testing.T) {
	cluster := shared.Postgres(t)
	var n atomic.Int64
	booktest.Run(t, func(t *testing.T) func() schedule.Book {
		a := postgres.Address{URL: cluster.Database(t, fmt.Sprintf("book%d", n.Add(1))), Password: cluster.Password}
		return opened(t, func() (*book.Book, error) { return book.OpenPostgres(t.Context(), a) })
	})
}
