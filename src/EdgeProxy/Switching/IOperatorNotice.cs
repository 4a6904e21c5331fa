namespace EdgeProxy.Switching;

/// <summary>Told of what an operator wants to know at once. Calls never fail, and wait for nothing but the disk.</summary>
internal interface IOperatorNotice
{
    /// <summary>A switch has ended; the history has it next. After a crash in between it is told again.</summary>
    void SwitchEnded(string app, Switch ended);

    /// <summary>The active unit has failed for good.</summary>
    void UnitFailed(string app, FailedActive failed);
}

/// <summary>Nobody wants to know.</summary>
internal sealed class NoNotice : IOperatorNotice
{
    public void SwitchEnded(string app, Switch ended)
    {
    }

    public void UnitFailed(string app, FailedActive failed)
    {
    }
}
