using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeProxy.Fleet.Etcd;

namespace EdgeProxy.Fleet;

/// <summary>The names of a fleet's keys: below <c>/edgeproxy/NAME/APP/</c>, as each app has its own document and its own switch.</summary>
internal sealed record FleetKeys(string Fleet, string App)
{
    public string Prefix { get; } = $"/edgeproxy/{Fleet}/{App}/";

    public string State => Prefix + "state";

    public string Coordinator => Prefix + "coordinator";

    public string Members => Prefix + "members/";

    public string Presences => Prefix + "alive/";

    public string Votes => Prefix + "votes/";
}

/// <summary>What is known of a fleet at a time. It is immutable, and has nothing that the fleet has not signed.</summary>
internal sealed record FleetSnapshot(FleetKeys Keys)
{
    /// <summary>The value of a key in <see cref="FleetKeys.Members"/>: its vote is needed.</summary>
    public const string Member = "Member";

    /// <summary>The value of such a key: the node was left out of a switch, and is a member again when it has adopted.</summary>
    public const string Excluded = "Excluded";

    private ImmutableSortedDictionary<string, EtcdKey> _all = ImmutableSortedDictionary.Create<string, EtcdKey>(StringComparer.Ordinal);

    /// <summary>The revision of etcd up to which everything is known.</summary>
    public long Revision { get; init; }

    /// <summary>What is agreed on; null: nothing, or nothing that can be believed.</summary>
    public FleetState? State { get; private init; }

    /// <summary>The revision of the last change of <see cref="State"/>; 0: there is none.</summary>
    public long StateRevision { get; private init; }

    /// <summary>A key that is not the fleet's work, or of another version's; null: all are.</summary>
    public string? Foreign { get; private init; }

    /// <summary>The nodes whose votes a switch needs.</summary>
    public IReadOnlyList<string> Members => [.. Below(Keys.Members).Where(pair => pair.Value == Member).Select(pair => pair.Name)];

    /// <summary>All nodes of the fleet, with those that were left out of a switch.</summary>
    public IReadOnlyList<(string Name, string Value)> Nodes => [.. Below(Keys.Members)];

    /// <summary>The node that drives the switch; null: none does.</summary>
    public string? Coordinator => Find(Keys.Coordinator)?.Value;

    /// <summary>Those of <paramref name="names"/> that are not there.</summary>
    public IReadOnlyList<string> Missing(IEnumerable<string> names) => [.. names.Where(name => !IsAlive(name))];

    public bool IsAlive(string node) => Find(Keys.Presences + node) is not null;

    public EtcdKey? Find(string name) => _all.GetValueOrDefault(name);

    public FleetPresence? PresenceOf(string node) => Read(Keys.Presences + node, FleetJson.Default.FleetPresence);

    /// <summary>What a node says of a phase; null: nothing yet.</summary>
    public FleetVote? VoteOf(string node, FleetSwitch of) =>
        Read(Keys.Votes + node, FleetJson.Default.FleetVote) is { } vote && vote.Id == of.Id && vote.Phase == of.Phase ? vote : null;

    /// <summary>Makes the snapshot after some changes.</summary>
    /// <param name="changes">The changes, in order.</param>
    /// <param name="revision">The revision of etcd after them.</param>
    /// <param name="key">Checks the signatures.</param>
    public FleetSnapshot With(IEnumerable<EtcdChange> changes, long revision, FleetKey key)
    {
        var next = this with { Revision = Math.Max(Revision, revision) };
        foreach (var change in changes)
        {
            next = next.With(change, key);
        }

        return next;
    }

    private FleetSnapshot With(EtcdChange change, FleetKey key)
    {
        var name = change.Key.Name;
        if (name == Keys.State && change.Key.Revision < StateRevision)
        {
            return this; // a verifying read was ahead of the watch
        }

        var content = change.IsDeleted ? null : key.Open(name, change.Key.Value);
        var state = name == Keys.State && content is not null ? Parse(content, FleetJson.Default.FleetState) : null;
        if (!change.IsDeleted && (content is null || (name == Keys.State && state is not { Format: FleetState.CurrentFormat })))
        {
            return this with { Foreign = name };
        }

        return this with
        {
            _all = content is null ? _all.Remove(name) : _all.SetItem(name, change.Key with { Value = content }),
            State = name == Keys.State ? state : State,
            StateRevision = name == Keys.State ? change.IsDeleted ? 0 : change.Key.Revision : StateRevision,
            Foreign = name == Foreign ? null : Foreign,
        };
    }

    private IEnumerable<(string Name, string Value)> Below(string prefix) =>
        _all.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(pair => (pair.Key[prefix.Length..], pair.Value.Value));

    private T? Read<T>(string name, JsonTypeInfo<T> type)
        where T : class => Find(name) is { } found ? Parse(found.Value, type) : null;

    private static T? Parse<T>(string content, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(content, type);
        }
        catch (JsonException)
        {
            return null; // signed by another version
        }
    }
}
