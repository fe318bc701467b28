package shared

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"testing"
)

// Orthanc cannot be kept from listening on all addresses of its network: it has one of its own, wherever that can be had.
func TestOrthancRunsInANetworkOfItsOwn(t *testing.T) {
	if runtime.GOOS != "linux" || newNamespace(t) == nil {
		t.Skip("this user may not make a network namespace")
	}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, withAuth := range []bool{false, true} {
		o := NewOrthanc(t, withAuth)
		its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", o.process))
		if err != nil || its == own || !o.Apart {
			t.Errorf("credentials %v: Orthanc is in %s, the test in %s, %v", withAuth, its, own, err)
		}
		if status, _ := o.Ask(t, http.MethodGet, "/dicom-web/studies", nil, ""); status != http.StatusOK {
			t.Errorf("credentials %v: it answers %d", withAuth, status)
		}
		o.User = ""
		if status, _ := o.Ask(t, http.MethodGet, "/dicom-web/studies", nil, ""); (status == http.StatusUnauthorized) != withAuth {
			t.Errorf("credentials %v: to nobody it answers %d", withAuth, status)
		}
	}
}
