package schema

func serve() node {
	duration := func() node { return text().said("such as 90s, 15m or 6h") }
	return object(map[string]node{
		"crflink-serve": node{"const": 1}.said("the version of the file's format"),
		"timezone":      text().said("of schedules and blackouts: a name of the IANA time zone database, such as Europe/Berlin"),
		"state":         text().said("the folder of the book of runs, the lock and the socket"),
		"database": object(map[string]node{
			"postgres": text().said("postgres://role@host:port/database, without a password"), "password-env": text(), "password-file": text(), "ca": text(),
		}, "postgres").said("the book of runs in PostgreSQL; without it, it is a file in the state folder"),
		"workers": object(map[string]node{
			"at-once":   whole().said("shards that one process computes side by side; usually 8"),
			"at-source": whole().said("shards that all processes together compute side by side of one server; usually 16"),
			"attempts":  whole().said("of a shard whose processes end without a word, before it is given up; usually 3"),
			"silence":   duration().said("after which a shard whose process says nothing is given to another; usually 60s"),
			"patience":  duration().said("how long the process that leads a run waits for a database that does not answer; usually 2m"),
			"shard":     duration().said("after which a process begins no further subject of a shard, and leaves the rest to others; usually 30s"),
		}).said("runs are computed together with crflink worker: for studies with a ledger in PostgreSQL and a FHIR server as source"),
		"listen": object(map[string]node{
			"address": text().said("HOST:PORT, or none; usually 127.0.0.1:9464"), "token-env": text(), "token-file": text(), "certificate": text(), "certificate-key": text(),
		}).said("where health and metrics are told; beyond this machine only with a token and TLS"),
		"notify": object(map[string]node{
			"mail": object(map[string]node{
				"server": text().said("HOST:PORT"), "from": text(), "to": some(text()), "user": text(), "password-env": text(), "password-file": text(),
				"tls": enum("starttls", "tls", "none"), "ca": text(),
			}, "server", "from", "to"),
			"webhooks": some(object(map[string]node{
				"url-env": text(), "url-file": text(), "token-env": text(), "token-file": text(), "ca": text(), "proxy": text(),
			})).said("addresses that take JSON; each is kept as a secret"),
			"drop": whole().said("the loss of cells or permitted patients, in percent, from which people are told; usually 30"),
		}).said("whom to tell of what goes wrong"),
		"traces": object(map[string]node{"otlp": text().said("http://127.0.0.1:4318/v1/traces")}).said("an OpenTelemetry collector that is sent traces of runs"),
		"studies": some(object(map[string]node{
			"file": text().said("the study file"), "schedule": text().said("a cron specification; left out: the study's own"),
			"priority": whole().said("the greater one is run first"), "jitter": duration().said("a night begins up to this much later"),
			"missed": enum("newest", "each").said("which of several missed nights are run"), "retries": whole().said("of a run that failed in passing; usually 2"),
			"retry-after": duration(), "late": duration().said("after which a night without a run is late"),
		}, "file")),
		"blackouts": some(object(map[string]node{
			"from": text().said("07:00"), "to": text().said("18:00"), "days": some(enum("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
		}, "from", "to")).said("when no run begins"),
		"at-once": whole().said("runs at the same time; usually 1"),
		"keep":    whole().said("runs of each study that the book remembers; usually 400"),
		"stop":    duration().said("how long runs may go on after the program was told to stop"),
	}, "crflink-serve", "timezone", "state", "studies")
}
