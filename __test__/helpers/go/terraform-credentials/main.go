// Runs a credentials helper with Terraform's own client for them. The arguments are the helper's path, what to do (get,
// store or forget) and the host. Stores the token that standard input has, and prints the token that it gets as JSON, or
// null.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	svchost "github.com/hashicorp/terraform-svchost"
	"github.com/hashicorp/terraform-svchost/auth"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(helper, verb, name string) error {
	host, err := svchost.ForComparison(name)
	if err != nil {
		return err
	}
	source := auth.HelperProgramCredentialsSource(helper)
	switch verb {
	case "store":
		token, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		return source.StoreForHost(host, auth.HostCredentialsToken(token))
	case "forget":
		return source.ForgetForHost(host)
	}
	credentials, err := source.ForHost(host)
	if err != nil {
		return err
	}
	var token *string
	if credentials != nil {
		text := credentials.Token()
		token = &text
	}
	return json.NewEncoder(os.Stdout).Encode(token)
}
