package main

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

const zone = ".svc.cluster.local."

// names answers for the cluster: the address of each Service by its name, and those of the pods
// behind it where it has none of its own. All other names are for the servers of the machine.
type names struct {
	services  listers.ServiceLister
	endpoints listers.EndpointsLister
	upstream  []string
}

func newDNSCommand() *cobra.Command {
	var kubeconfig, address string
	command := &cobra.Command{Use: "kube-dns", RunE: func(*cobra.Command, []string) error {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		machine, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return err
		}
		factory := informers.NewSharedInformerFactory(client, 0)
		core := factory.Core().V1()
		handler := &names{core.Services().Lister(), core.Endpoints().Lister(), machine.Servers}
		factory.Start(nil)
		factory.WaitForCacheSync(nil)
		failed := make(chan error)
		for _, network := range []string{"udp", "tcp"} {
			server := &dns.Server{Addr: address, Net: network, Handler: handler}
			go func() { failed <- server.ListenAndServe() }()
		}
		return <-failed
	}}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to ask the API")
	command.Flags().StringVar(&address, "address", "", "where to answer, such as 10.244.0.1:53")
	return command
}

func (n *names) ServeDNS(writer dns.ResponseWriter, request *dns.Msg) {
	if len(request.Question) != 1 || !strings.HasSuffix(request.Question[0].Name, ".cluster.local.") {
		writer.WriteMsg(n.forward(request))
		return
	}
	question, reply := request.Question[0], new(dns.Msg)
	reply.SetReply(request)
	reply.Authoritative = true
	addresses, known := n.addresses(strings.ToLower(question.Name))
	if !known {
		reply.Rcode = dns.RcodeNameError
	}
	if question.Qtype == dns.TypeA {
		for _, address := range addresses {
			reply.Answer = append(reply.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5},
				A:   net.ParseIP(address),
			})
		}
	}
	writer.WriteMsg(reply)
}

func (n *names) addresses(name string) (found []string, known bool) {
	parts := strings.Split(strings.TrimSuffix(name, zone), ".")
	if !strings.HasSuffix(name, zone) || len(parts) != 2 {
		return nil, false
	}
	service, err := n.services.Services(parts[1]).Get(parts[0])
	if err != nil {
		return nil, false
	}
	if service.Spec.ClusterIP != "None" {
		return []string{service.Spec.ClusterIP}, true
	}
	if endpoints, err := n.endpoints.Endpoints(parts[1]).Get(parts[0]); err == nil {
		for _, subset := range endpoints.Subsets {
			for _, address := range subset.Addresses {
				found = append(found, address.IP)
			}
		}
	}
	return found, true
}

func (n *names) forward(request *dns.Msg) *dns.Msg {
	client := dns.Client{Timeout: 2 * time.Second}
	for _, server := range n.upstream {
		if reply, _, err := client.Exchange(request, net.JoinHostPort(server, "53")); err == nil {
			return reply
		}
	}
	failure := new(dns.Msg)
	failure.SetRcode(request, dns.RcodeServerFailure)
	return failure
}
