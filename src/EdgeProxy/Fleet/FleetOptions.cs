namespace EdgeProxy.Fleet;

/// <summary>Several machines with EdgeProxy that switch as one, over etcd.</summary>
internal sealed class FleetOptions
{
    public const string SectionName = "EdgeProxy:Fleet";

    /// <summary>The fleet: 1 to 40 of a-z, 0-9 and -. Required. Its keys in etcd are below <c>/edgeproxy/NAME/</c>.</summary>
    public string? Name { get; set; }

    /// <summary>This machine, unlike every other one of the fleet: 1 to 63 of a-z, A-Z, 0-9, <c>.</c>, - and _. Null: the host's name.</summary>
    public string? Node { get; set; }

    public EtcdOptions Etcd { get; set; } = new();

    /// <summary>
    /// A file with 32 random bytes, base64, that <c>edgeproxy fleet key</c> makes; the same on every node and never in etcd. Required: whoever can write to
    /// etcd could switch without it.
    /// </summary>
    public string? KeyFile { get; set; }

    /// <summary>A key that is believed, too, while a new one is put on the nodes. Null: none.</summary>
    public string? PreviousKeyFile { get; set; }

    /// <summary>How all nodes flip. Default <c>Watch</c>.</summary>
    public FleetFlip Flip { get; set; }

    /// <summary>How long nothing may be heard of a node before it counts as gone. Default 10 s; 3 s to 5 min.</summary>
    public TimeSpan LostAfter { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a node that takes part in a switch may hear nothing of etcd before it is not ready. Default 1 s; 500 ms to 5 min.</summary>
    public TimeSpan InDoubtAfter { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long all nodes may take to prepare. 1 s to 1 h; null: <c>Health:Attempts</c> x <c>Health:Interval</c> and 30 s.</summary>
    public TimeSpan? PrepareTimeout { get; set; }

    /// <summary>How long a start waits for etcd before it serves what this node knows. Default 5 s; 0 to 5 min.</summary>
    public TimeSpan StartPatience { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>What a node does when it cannot reach etcd, outside of switches. Default <c>Serve</c>.</summary>
    public FleetCutOff WhenCutOff { get; set; }

    /// <summary>A path of the public listener, on every host, that tells balancers whether this node is ready. Default <c>/.edgeproxy/ready</c>; null or
    /// empty: there is none.</summary>
    public string? ReadyPath { get; set; } = "/.edgeproxy/ready";
}

/// <summary>Where etcd is, and how a node proves who it is.</summary>
internal sealed class EtcdOptions
{
    /// <summary>The client URLs of its members: <c>https://10.0.0.1:2379</c>; http to this machine alone. Required; at most 9.</summary>
    public string[]? Endpoints { get; set; }

    /// <summary>The client certificate with its chain, a PEM file. Null: none. It is read anew for each connection.</summary>
    public string? Certificate { get; set; }

    /// <summary>The key of <see cref="Certificate"/>, a PEM file.</summary>
    public string? Key { get; set; }

    /// <summary>The authorities that etcd's certificates are from, a PEM file. Null: those that the system trusts.</summary>
    public string? TrustedRoots { get; set; }

    /// <summary>A user of etcd, where it asks for a password and not for a certificate. Null: none.</summary>
    public string? User { get; set; }

    /// <summary>A file with the password of <see cref="User"/>.</summary>
    public string? PasswordFile { get; set; }
}

/// <summary>How a fleet flips.</summary>
internal enum FleetFlip
{
    /// <summary>Each node flips as soon as it sees the commit: some milliseconds apart.</summary>
    Watch,

    /// <summary>No node gives a request to the new version before all have ceased to give any to the old one: requests wait meanwhile, for two seconds at
    /// most.</summary>
    Hold,
}

/// <summary>What a node does that has lost etcd.</summary>
internal enum FleetCutOff
{
    /// <summary>It serves and says that it is ready: nobody flips without its vote, unless an operator has said so.</summary>
    Serve,

    /// <summary>After <c>Fleet:LostAfter</c> it says that it is not ready.</summary>
    StepOut,
}
