using EdgeProxy.Fleet.Etcd.Wire;

namespace EdgeProxy.Fleet.Etcd;

/// <summary>A key and what etcd has there.</summary>
/// <param name="Name">The key.</param>
/// <param name="Value">The value, as text.</param>
/// <param name="Revision">The revision of its last change.</param>
/// <param name="Lease">The lease that it is deleted with; 0: it has none.</param>
internal sealed record EtcdKey(string Name, string Value, long Revision, long Lease)
{
    public static EtcdKey Of(KeyValue pair) => new(pair.Key.ToStringUtf8(), pair.Value.ToStringUtf8(), pair.ModRevision, pair.Lease);

    /// <summary>Where the range of all keys with a prefix ends.</summary>
    public static string EndOf(string prefix) => prefix[..^1] + (char)(prefix[^1] + 1);
}

/// <summary>Keys as they were at one revision.</summary>
internal sealed record EtcdRange(long Revision, IReadOnlyList<EtcdKey> Keys);

/// <summary>A key was put, or deleted: then it has no value.</summary>
internal sealed record EtcdChange(bool IsDeleted, EtcdKey Key);

/// <summary>What a watch tells at once.</summary>
/// <param name="Revision">The revision of etcd when it told them: all changes before are known then.</param>
/// <param name="Changes">The changes, in order.</param>
internal sealed record EtcdChanges(long Revision, IReadOnlyList<EtcdChange> Changes);
