using EdgeProxy.Configuration;

namespace EdgeProxy.State;

/// <summary>The state directory cannot move in a handover: the new process would not find what this one has stored.</summary>
internal sealed class StateMove(StateDirectory state) : IReloadCheck
{
    public ReloadRefusal? Check(IConfiguration running, IConfiguration next)
    {
        var directory = Path.GetFullPath(next[$"{StateOptions.SectionName}:{nameof(StateOptions.Directory)}"] ?? new StateOptions().Directory);
        return directory == state.FullPath ? null : new(
            $"State:Directory would move from {state.FullPath} to {directory}, and which slot is active, a pause or maintenance would stay behind; stop " +
                "EdgeProxy, move the directory, and start it again");
    }
}
