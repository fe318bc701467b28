// Package schedule says when studies are due.
//
//   - A Schedule is a cron specification in a site's time zone.
//   - A Due is one run that the schedule asks for. Its nominal time is what the site's clock shows; it names the run,
//     so that a night is run once and no more, also when the clock is changed in it.
//
// A nominal time that the clock leaves out (in March) is due when the clock goes on; one that it shows twice (in
// October) is due the first time. cron libraries skip the one and repeat the other.
package schedule
