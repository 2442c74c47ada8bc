package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// printRow prints what the rounds of a row gave, a line for each broker, and
// below what is to be said of it.
func printRow(w io.Writer, r row, brokers []*broker, all [][]outcome, verbose bool) {
	columns := r.columns()
	line := func(name string, cell func(at int, c column) string) {
		fmt.Fprintf(w, "  %-10s", name)
		for at, c := range columns {
			fmt.Fprintf(w, "%16s", cell(at, c))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, r.name)
	line("", func(_ int, c column) string { return c.name })
	for i, k := range brokers {
		line(k.name, func(at int, c column) string { return cell(c, at, all[i], c.of) })
		if verbose {
			line("  lowest", func(at int, c column) string { return cell(c, at, all[i], lowest) })
			line("  highest", func(at int, c column) string { return cell(c, at, all[i], highest) })
		}
	}
	for i, k := range brokers {
		for _, said := range remarks(all[i], verbose) {
			fmt.Fprintf(w, "  ! %s, %s\n", k.name, said)
		}
	}
	fmt.Fprintln(w)
}

// cell is one figure, made of those of all rounds that have it.
func cell(c column, at int, outcomes []outcome, of func([]float64) float64) string {
	var v []float64
	for _, o := range outcomes {
		if !math.IsNaN(o.figures[at]) {
			v = append(v, o.figures[at])
		}
	}
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.*f", c.digits, of(v))
}

// remarks are the errors and notes of all rounds, with verbose the details too,
// each with the rounds that gave it.
func remarks(outcomes []outcome, verbose bool) (said []string) {
	rounds := map[string][]string{}
	var order []string
	say := func(round int, text string) {
		if rounds[text] == nil {
			order = append(order, text)
		}
		rounds[text] = append(rounds[text], strconv.Itoa(round+1))
	}
	for round, o := range outcomes {
		if o.err != nil {
			say(round, o.err.Error())
		}
		for _, n := range o.notes {
			say(round, n)
		}
		if verbose {
			for _, d := range o.details {
				say(round, d)
			}
		}
	}
	for _, text := range order {
		said = append(said, fmt.Sprintf("round %s: %s", strings.Join(rounds[text], ", "), text))
	}
	return said
}
