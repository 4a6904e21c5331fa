using EdgeProxy.Fleet.Etcd;

namespace EdgeProxy.Fleet;

/// <summary>What the apps of this machine share in a fleet: its name, the way to etcd and the secret.</summary>
internal sealed class FleetNode(FleetOptions options, TimeProvider time) : IDisposable
{
    public FleetOptions Options => options;

    public string Name { get; } = FleetRules.NodeOf(options);

    public EtcdClient Etcd { get; } = new(options.Etcd, time);

    public FleetKey Key { get; } = FleetKey.Load(options);

    public void Dispose() => Etcd.Dispose();
}

/// <summary>See <see cref="Switching.IIdleClaim"/>.</summary>
internal sealed class FleetClaim : Switching.IIdleClaim
{
    private readonly TaskCompletionSource _free = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Free => _free.Task;

    public void Release() => _free.TrySetResult();
}
