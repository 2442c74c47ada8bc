module github.com/mqttwire/mqttwire

go 1.25.0
