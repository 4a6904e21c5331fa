using Microsoft.Extensions.Hosting.Systemd;

namespace EdgeProxy.Hosting;

/// <summary>What this process tells systemd. Only the main process of the unit may: one that takes another's place says nothing until it has, and the other one
/// nothing more after that.</summary>
internal sealed class SystemdNotices(ISystemdNotifier notifier, bool isMain) : ISystemdNotifier
{
    private volatile bool _isMain = isMain;

    public bool IsEnabled => notifier.IsEnabled;

    public void Notify(ServiceState state)
    {
        if (_isMain)
        {
            notifier.Notify(state);
        }
    }

    /// <summary>The unit has this process for its main one.</summary>
    public void BecomeMain()
    {
        _isMain = true;
        notifier.Notify(ServiceState.Ready);
    }

    /// <summary>Another process is the unit's main one from now on.</summary>
    public void Leave(int successor)
    {
        notifier.Notify(new ServiceState($"MAINPID={successor}"));
        _isMain = false;
    }
}
