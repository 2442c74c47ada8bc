package hub_test

import (
	"flag"
	"testing"
	"time"
)

var (
	simSeed    = flag.Uint64("sim.seed", 1, "first seed of the simulation")
	simSeeds   = flag.Int("sim.seeds", 24, "how many seeds of the simulation are run")
	simSeconds = flag.Int("sim.seconds", 0, "go on with further seeds until so many seconds have passed")
	simPlayers = flag.Int("sim.players", 120, "clients of the crowded simulation")
)

// TestSimulation runs one world after another, each from its seed.
func TestSimulation(t *testing.T) {
	start, sum := time.Now(), figures{}
	seed := *simSeed
	for ; seed < *simSeed+uint64(*simSeeds) || time.Since(start) < time.Duration(*simSeconds)*time.Second; seed++ {
		f, err := simulate(plan(seed))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sum.add(f)
	}
	t.Logf("seeds %d to %d, %v: %v", *simSeed, seed-1, time.Since(start).Round(time.Second), sum)
}

// TestSimulationOfACrowd runs one world with many clients.
func TestSimulationOfACrowd(t *testing.T) {
	p := plan(*simSeed)
	p.players, p.seconds, p.store, p.crashes = *simPlayers, 10, true, 2
	f, err := simulate(p)
	if err != nil {
		t.Fatalf("seed %d: %v", p.seed, err)
	}
	t.Log(f)
}

// TestSimulationIsRepeatable holds that a seed is a run.
func TestSimulationIsRepeatable(t *testing.T) {
	one, err1 := simulate(plan(7))
	two, err2 := simulate(plan(7))
	other, err3 := simulate(plan(8))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if one != two {
		t.Errorf("two runs of one seed:\n%v\n%v", one, two)
	}
	if one.hash == other.hash {
		t.Error("two seeds, one run")
	}
}
