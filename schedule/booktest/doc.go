// Package booktest is the exam that every schedule.Book has to pass.
package booktest
