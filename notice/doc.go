// Package notice says what people are told about runs, and sees to it that it reaches them.
//
//   - A Notice is one message to the people of a site: that a run failed, is late, delivered nobody, or found much less than
//     the one before; that something waits for a person, or is about to be over.
//   - Numbers are what a run came to, as far as notices go by it.
//   - A Way is how notices travel: mail, a webhook.
//   - A Desk takes notices and sends them on every way, again when a way fails. Nobody waits for it.
//
// A notice names studies, counts and reasons, and never a patient: it leaves the site's own systems.
package notice
