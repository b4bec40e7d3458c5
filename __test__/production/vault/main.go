// Package main is the program of HashiCorp Vault, built from its Go module.

// A module that Vault imports embeds certificates with serial numbers that newer versions of Go refuse.
//
//go:debug x509negativeserial=1
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
