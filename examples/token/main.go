// Command token makes, shows and revokes tokens of package hmactoken, for a
// server that is given the same files.
//
//	token key    -keys FILE -id ID                       add a key with a random secret
//	token make   -keys FILE -key ID -account A -instance I -type R|W|RW -for 1h -filter F ...
//	token show   [-keys FILE] [-revoked FILE] TOKEN      what it says, and what a server says to it
//	token revoke -revoked FILE TOKEN                     withdraw a token
//	token revoke -revoked FILE -account A                suspend an account
//
// Lines are added to the files, which keep their mode and their owner; any number
// of these commands may run at once. Of a list that grows, the
// revocations of tokens that have expired go.
//
// Where TOKEN is "-" it is read from standard input, which keeps it out of the
// list of processes.
package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

func main() {
	c := command{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now()}
	os.Exit(c.run(os.Args[1:]))
}

// command is what a run needs of its surroundings, so that a test can be them.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            time.Time
}

var errUsage = errors.New("usage: token key|make|show|revoke [flags]; -h after a word lists its flags")

// run returns the exit status: 0, 1 after an error, 2 after a wrong call.
func (c *command) run(args []string) int {
	words := map[string]func([]string) error{"key": c.key, "make": c.make, "show": c.show, "revoke": c.revoke}
	err := errUsage
	if len(args) > 0 && words[args[0]] != nil {
		err = words[args[0]](args[1:])
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(c.stderr, err)
		return 2
	}
	fmt.Fprintln(c.stderr, "token:", err)
	return 1
}

// parse parses flags and at most one argument after them.
func (c *command) parse(f *flag.FlagSet, args []string) (arg string, err error) {
	f.SetOutput(c.stderr)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return "", err
	case err != nil, f.NArg() > 1: // Parse has said what is wrong
		return "", errUsage
	}
	return f.Arg(0), nil
}

func (c *command) key(args []string) error {
	f := flag.NewFlagSet("key", flag.ContinueOnError)
	file := f.String("keys", "", "`file` to add the key to")
	id := f.String("id", "", "`id` of the key: letters, digits, - and _")
	if arg, err := c.parse(f, args); err != nil || arg != "" {
		return cmp.Or(err, errUsage)
	}
	secret := make([]byte, hmactoken.MinSecret)
	rand.Read(secret) // never fails
	line := *id + " " + base64.StdEncoding.EncodeToString(secret) + "\n"
	if _, _, err := hmactoken.ParseKeys([]byte(line)); err != nil {
		return err
	}
	g, err := grow(*file)
	if err != nil {
		return err
	}
	defer g.close()
	b, err := g.content()
	if err != nil {
		return err
	}
	if _, n, err := hmactoken.ParseKeys(fmt.Appendf(b, "\n%s", line)); err != nil {
		return inLine(*file, min(n, bytes.Count(b, []byte("\n"))+1), err)
	}
	return g.add(line)
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func (c *command) make(args []string) error {
	claims := hmactoken.Claims{Issued: c.now}
	var filters list
	f := flag.NewFlagSet("make", flag.ContinueOnError)
	file := f.String("keys", "", "`file` of keys")
	f.StringVar(&claims.KeyID, "key", "", "`id` of the key to sign with")
	f.StringVar(&claims.AccessKeyID, "account", "", "the account, or AccessKeyId")
	f.StringVar(&claims.InstanceID, "instance", "", "the service instance")
	typ := f.String("type", "RW", "R, W or RW")
	life := f.Duration("for", time.Hour, "how long it is good")
	f.Var(&filters, "filter", "topic `filter` that it allows; give it once for each")
	if arg, err := c.parse(f, args); err != nil || arg != "" {
		return cmp.Or(err, errUsage)
	}
	keys, err := loadKeys(*file)
	if err != nil {
		return err
	}
	if claims.Type, err = tokenauth.ParseType(*typ); err != nil {
		return err
	}
	claims.Expires, claims.Filters = c.now.Add(*life), filters
	token, err := claims.Append(nil, keys)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s\n", []byte(token))
	return err
}

func (c *command) show(args []string) error {
	f := flag.NewFlagSet("show", flag.ContinueOnError)
	keyFile := f.String("keys", "", "`file` of keys: judge the token too")
	revokedFile := f.String("revoked", "", "`file` of what is revoked")
	arg, err := c.parse(f, args)
	if err != nil || arg == "" {
		return cmp.Or(err, errUsage)
	}
	token, err := c.token(arg)
	if err != nil {
		return err
	}
	var claims hmactoken.Claims
	if err := claims.Decode(token); err != nil {
		return err
	}
	id, err := hmactoken.ID(token)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "id        %s\nkey       %s\naccount   %s\ninstance  %s\ntype      %v\nissued    %s\nexpires   %s\n",
		id, claims.KeyID, claims.AccessKeyID, claims.InstanceID, claims.Type, claims.Issued.Format(time.RFC3339), claims.Expires.Format(time.RFC3339))
	for _, filter := range claims.Filters {
		fmt.Fprintf(c.stdout, "filter    %s\n", filter)
	}
	if *keyFile == "" {
		fmt.Fprintln(c.stdout, "verdict   unknown: no keys given, anyone may have written this")
		return nil
	}
	keys, err := loadKeys(*keyFile)
	if err != nil {
		return err
	}
	revoked, err := loadRevocations(*revokedFile)
	if err != nil {
		return err
	}
	var v hmactoken.Verifier
	v.Load(keys, revoked)
	_, code := v.Verify(c.now, tokenauth.Request{AccessKeyID: claims.AccessKeyID, InstanceID: claims.InstanceID, Type: claims.Type, Token: token})
	fmt.Fprintf(c.stdout, "verdict   %d, %v\n", int(code), code)
	return nil
}

func (c *command) revoke(args []string) error {
	f := flag.NewFlagSet("revoke", flag.ContinueOnError)
	file := f.String("revoked", "", "`file` of what is revoked")
	account := f.String("account", "", "suspend this `account` instead of a token")
	arg, err := c.parse(f, args)
	if err != nil || (arg == "") == (*account == "") {
		return cmp.Or(err, errUsage)
	}
	line := []byte("account " + *account + "\n")
	if arg == "" {
		// One that nobody can have would suspend nothing, and nobody would notice.
		names := tokenauth.Credentials{AccessKeyID: []byte(*account), InstanceID: []byte("any")}
		if _, err := names.AppendUserName(nil); err != nil {
			return fmt.Errorf("account: %w", err)
		}
	} else {
		token, err := c.token(arg)
		if err != nil {
			return err
		}
		if line, err = hmactoken.AppendRevocation(nil, token); err != nil {
			return err
		}
	}
	g, err := grow(*file)
	if err != nil {
		return err
	}
	defer g.close()
	if err := g.add(string(line)); err != nil {
		return err
	}
	if g.made {
		fmt.Fprintf(c.stderr, "token: made %s, which was not there; a server has to be given it\n", *file)
	}
	if g.isLong() {
		// The revocation stands, whatever becomes of this.
		if err := g.clean(func(list []byte) []byte { return hmactoken.CompactRevocations(list, c.now) }); err != nil {
			fmt.Fprintln(c.stderr, "token: revoked; the list keeps what has expired:", err)
		}
	}
	return nil
}

// token returns the token that an argument stands for.
func (c *command) token(arg string) (tokenauth.Secret, error) {
	if arg != "-" {
		return tokenauth.Secret(arg), nil
	}
	b, err := io.ReadAll(io.LimitReader(c.stdin, tokenauth.MaxToken+2))
	return bytes.TrimSpace(b), err
}

func loadKeys(file string) (hmactoken.Keys, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keys, line, err := hmactoken.ParseKeys(b)
	return keys, inLine(file, line, err)
}

func loadRevocations(file string) (*hmactoken.Revocations, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	revoked, line, err := hmactoken.ParseRevocations(b)
	return revoked, inLine(file, line, err)
}

func inLine(file string, line int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%d: %w", file, line, err)
}
