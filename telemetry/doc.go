// Package telemetry tells monitoring how runs go. It alone knows Prometheus and OpenTelemetry.
//
//   - Metrics are numbers by study, reason, resource type and host. No label is about a single patient.
//   - Traces show where the time of a run goes: a span for the run, one for each stage, one for each request. A request's span
//     has host, method, resource type and status, and no path or query, which name patients.
package telemetry
