using EdgeProxy.Fleet.Etcd.Wire;
using Google.Protobuf;

namespace EdgeProxy.Fleet.Etcd;

/// <summary>The conditions and the changes of a transaction.</summary>
internal static class Transaction
{
    /// <summary>The key was last changed at this revision; 0: there is none.</summary>
    public static Compare IsAt(string key, long revision) => new()
    {
        Key = Utf8(key),
        Target = Compare.Types.CompareTarget.Mod,
        Result = Compare.Types.CompareResult.Equal,
        ModRevision = revision,
    };

    public static Compare IsAbsent(string key) => IsAt(key, 0);

    public static Compare IsPresent(string key) => new()
    {
        Key = Utf8(key),
        Target = Compare.Types.CompareTarget.Create,
        Result = Compare.Types.CompareResult.Greater,
        CreateRevision = 0,
    };

    public static Compare HasLease(string key, long lease) => new()
    {
        Key = Utf8(key),
        Target = Compare.Types.CompareTarget.Lease,
        Result = Compare.Types.CompareResult.Equal,
        Lease = lease,
    };

    /// <summary>No key of the prefix has changed after the revision. One that was deleted since is not seen by this.</summary>
    public static Compare IsUnchanged(string prefix, long since) => new()
    {
        Key = Utf8(prefix),
        RangeEnd = Utf8(EtcdKey.EndOf(prefix)),
        Target = Compare.Types.CompareTarget.Mod,
        Result = Compare.Types.CompareResult.Less,
        ModRevision = since + 1,
    };

    public static RequestOp Put(string key, string value, long lease = 0) =>
        new() { RequestPut = new() { Key = Utf8(key), Value = Utf8(value), Lease = lease } };

    public static RequestOp Delete(string key) => new() { RequestDeleteRange = new() { Key = Utf8(key) } };

    private static ByteString Utf8(string text) => ByteString.CopyFromUtf8(text);
}
