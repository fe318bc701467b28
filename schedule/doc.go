// Package schedule says when studies are due, and sees to it that they are run then.
//
//   - A Schedule is a cron specification in a site's time zone.
//   - A Due is one run that the schedule asks for. Its nominal time is what the site's clock shows; it names the run,
//     so that a night is run once and no more, also when the clock is changed in it.
//   - A Job is a study with its schedule. A Run is one night of it, or one that somebody asked for.
//   - A Book keeps the runs: those that are due, that are under way, and what became of them. It survives the program.
//   - A Blackout is a time of the day in which no run begins.
//   - A Scheduler enters what is due into the book, and runs it: never two runs of a job at once, the more important first.
//
// A nominal time that the clock leaves out (in March) is due when the clock goes on; one that it shows twice (in
// October) is due the first time. cron libraries skip the one and repeat the other.
//
// Each night has one entry, and each entry one end: it was run, or a later night's run did its work (Covered), or somebody
// cancelled it. A run that was under way when the program died is begun again.
package schedule
