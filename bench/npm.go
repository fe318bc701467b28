package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// npmFolder holds the programs that run the engines of npm.
const npmFolder = "bench/npm"

// npmSample bounds what npm's fhirpath evaluates, which takes its time.
const npmSample = 8e6

// errNoEngines is what to do where the engines of others are not installed.
var errNoEngines = errors.New("CRFLINK_FHIRPATH_JS names no folder with the engines of build/npm/package.json: make setup installs them")

// engines is the folder in which the engines of npm are installed.
func engines() (string, error) {
	folder := os.Getenv("CRFLINK_FHIRPATH_JS")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "fhirpath")); folder == "" || err != nil { // #nosec G703 -- named by whoever runs bench
		return "", errNoEngines
	}
	return filepath.Abs(folder)
}

// peer is a program of bench/npm under way. It takes commands and tells what each cost it.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// answer is what a command gave.
type answer struct {
	CPU    int64           `json:"cpu"` // microseconds
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// startPeer starts a program with the folder of the engines and further arguments.
func startPeer(program string, args ...string) (*peer, error) {
	folder, err := engines()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("node", append([]string{"--expose-gc", filepath.Join(npmFolder, program), folder}, args...)...) // #nosec G204 -- our own programs
	cmd.Stderr = os.Stderr
	p := &peer{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

// ask sends a command and waits for its answer. result is filled, where it is not nil.
func (p *peer) ask(result any, command ...any) (time.Duration, error) {
	line, err := json.Marshal(command)
	if err != nil {
		return 0, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return 0, fmt.Errorf("ask the engine of npm: %w", err)
	}
	if line, err = p.out.ReadBytes('\n'); err != nil {
		return 0, fmt.Errorf("the engine of npm does not answer: %w", err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return 0, fmt.Errorf("the answer of npm's engine: %w", err)
	}
	if a.Error != "" {
		return 0, fmt.Errorf("the engine of npm failed: %s", a.Error)
	}
	if result != nil {
		err = json.Unmarshal(a.Result, result)
	}
	return time.Duration(a.CPU) * time.Microsecond, err
}

// stop ends the program.
func (p *peer) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}
